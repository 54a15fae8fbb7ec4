#include "cuda/compile.h"
#include "base/failure.h"
#include <dlfcn.h>
#include <filesystem>

namespace netdissect {

namespace {

struct Nvrtc {
  using Program = void *;
  int (*createProgram)(Program *, const char *text, const char *name, int headers, const char *const *,
                       const char *const *);
  int (*destroyProgram)(Program *);
  int (*compileProgram)(Program, int options, const char *const *);
  int (*getLogSize)(Program, size_t *);
  int (*getLog)(Program, char *);
  int (*getCodeSize)(Program, size_t *); // for an architecture
  int (*getCode)(Program, char *);
  int (*getTextSize)(Program, size_t *); // that a driver compiles on
  int (*getText)(Program, char *);
};

Failure failure(const std::string &what) {
  return Failure("ERR_NETDISSECT_DEVICE", "the kernels cannot be compiled at run time: " + what);
}

/// The library of what the language has built in, which NVRTC opens by its name alone.
void openBuiltins(const std::string &folder) {
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().filename().string().rfind("libnvrtc-builtins.so", 0) == 0)
      dlopen(entry.path().c_str(), RTLD_NOW);
}

Nvrtc openNvrtc(const std::vector<std::string> &folders) {
  void *handle = nullptr;
  const auto names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"};
  // The one beside LibTorch is of the generation that the driver runs.
  for (const std::string &folder : folders)
    for (const char *name : names)
      if (!handle && (handle = dlopen((folder + "/" + name).c_str(), RTLD_NOW)))
        openBuiltins(folder);
  for (const char *name : names)
    if (!handle)
      handle = dlopen(name, RTLD_NOW);
  if (!handle)
    throw failure("there is no libnvrtc");
  Nvrtc nvrtc{};
  const auto find = [&](auto &function, const char *name) {
    void *symbol = dlsym(handle, name);
    if (!symbol)
      throw failure(std::string("libnvrtc has no ") + name);
    function = reinterpret_cast<std::decay_t<decltype(function)>>(symbol);
  };
  find(nvrtc.createProgram, "nvrtcCreateProgram");
  find(nvrtc.destroyProgram, "nvrtcDestroyProgram");
  find(nvrtc.compileProgram, "nvrtcCompileProgram");
  find(nvrtc.getLogSize, "nvrtcGetProgramLogSize");
  find(nvrtc.getLog, "nvrtcGetProgramLog");
  find(nvrtc.getCodeSize, "nvrtcGetCUBINSize");
  find(nvrtc.getCode, "nvrtcGetCUBIN");
  find(nvrtc.getTextSize, "nvrtcGetPTXSize");
  find(nvrtc.getText, "nvrtcGetPTX");
  return nvrtc;
}

struct Program {
  const Nvrtc &nvrtc;
  Nvrtc::Program program = nullptr;
  explicit Program(const Nvrtc &nvrtc) : nvrtc(nvrtc) {
    if (nvrtc.createProgram(&program, cudaKernelText, "kernels.cu", 0, nullptr, nullptr) != 0)
      throw failure("NVRTC takes no text");
  }
  ~Program() { nvrtc.destroyProgram(&program); }
  Program(const Program &) = delete;

  template <class Size, class Get> std::string read(Size size, Get get) const {
    size_t bytes = 0;
    if (size(program, &bytes) != 0 || !bytes)
      return "";
    std::string text(bytes, '\0');
    return get(program, text.data()) == 0 ? text : "";
  }
};

} // namespace

std::string compileCudaKernels(int capability, const std::vector<std::string> &folders) {
  const Nvrtc nvrtc = openNvrtc(folders);
  std::string log;
  // for the device, or where this NVRTC is older than it for any
  for (const bool exactly : {true, false}) {
    const Program program(nvrtc);
    const std::string architecture =
        exactly ? "--gpu-architecture=sm_" + std::to_string(capability) : "--gpu-architecture=compute_75";
    const char *options[] = {architecture.c_str(), "--std=c++17", "--fmad=false"};
    if (nvrtc.compileProgram(program.program, 3, options) == 0) {
      const std::string image = exactly ? program.read(nvrtc.getCodeSize, nvrtc.getCode)
                                        : program.read(nvrtc.getTextSize, nvrtc.getText);
      if (!image.empty())
        return image;
    }
    log += program.read(nvrtc.getLogSize, nvrtc.getLog).c_str();
  }
  throw failure(log.empty() ? "NVRTC says nothing" : log);
}

} // namespace netdissect
