#include "cuda/driver.h"
#include <dlfcn.h>
#include <utility>

namespace netdissect {

namespace {

struct Symbol {
  const char *name;
  void **place;
};

template <class Function> void **placeOf(Function *&function) { return reinterpret_cast<void **>(&function); }

} // namespace

std::string CudaDriver::wordsOf(int error) const {
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(error, &name) != 0 || !name)
    return "CUDA error " + std::to_string(error);
  return getErrorString(error, &text) == 0 && text ? std::string(name) + " (" + text + ")" : name;
}

const CudaDriver *openCudaDriver(const char *library, CudaDriver &table, std::string &why) {
  void *handle = dlopen(library, RTLD_NOW);
  if (!handle) {
    const char *error = dlerror();
    why = std::string("there is no CUDA driver (") + (error ? error : library) + ")";
    return nullptr;
  }
  const Symbol symbols[] = {
      {"cuInit", placeOf(table.init)},
      {"cuDeviceGetCount", placeOf(table.deviceGetCount)},
      {"cuDeviceGet", placeOf(table.deviceGet)},
      {"cuDeviceGetName", placeOf(table.deviceGetName)},
      {"cuDeviceGetAttribute", placeOf(table.deviceGetAttribute)},
      {"cuDevicePrimaryCtxRetain", placeOf(table.primaryRetain)},
      {"cuDevicePrimaryCtxRelease_v2", placeOf(table.primaryRelease)},
      {"cuCtxPushCurrent_v2", placeOf(table.pushCurrent)},
      {"cuCtxPopCurrent_v2", placeOf(table.popCurrent)},
      {"cuModuleLoadData", placeOf(table.moduleLoadData)},
      {"cuModuleUnload", placeOf(table.moduleUnload)},
      {"cuModuleGetFunction", placeOf(table.moduleGetFunction)},
      {"cuLaunchKernel", placeOf(table.launchKernel)},
      {"cuStreamCreate", placeOf(table.streamCreate)},
      {"cuStreamDestroy_v2", placeOf(table.streamDestroy)},
      {"cuStreamSynchronize", placeOf(table.streamSynchronize)},
      {"cuMemGetInfo_v2", placeOf(table.memGetInfo)},
      {"cuMemAlloc_v2", placeOf(table.memAlloc)},
      {"cuMemFree_v2", placeOf(table.memFree)},
      {"cuMemHostAlloc", placeOf(table.memHostAlloc)},
      {"cuMemFreeHost", placeOf(table.memFreeHost)},
      {"cuMemcpyHtoDAsync_v2", placeOf(table.memcpyToDevice)},
      {"cuMemcpyDtoHAsync_v2", placeOf(table.memcpyToHost)},
      {"cuGetErrorName", placeOf(table.getErrorName)},
      {"cuGetErrorString", placeOf(table.getErrorString)},
  };
  for (const Symbol &symbol : symbols) {
    *symbol.place = dlsym(handle, symbol.name);
    if (!*symbol.place) {
      why = std::string("the CUDA driver is too old: it has no ") + symbol.name;
      return nullptr;
    }
  }
  int error = table.init(0), devices = 0;
  if (!error)
    error = table.deviceGetCount(&devices);
  if (error)
    why = "the CUDA driver does not start: " + table.wordsOf(error);
  else if (devices < 1)
    why = "the CUDA driver knows no device";
  return error || devices < 1 ? nullptr : &table;
}

const CudaDriver *cudaDriver(std::string &why) {
  static CudaDriver table{};
  static const std::pair<const CudaDriver *, std::string> opened = [] {
    std::string reason;
    const CudaDriver *driver = openCudaDriver("libcuda.so.1", table, reason);
    return std::pair{driver, reason};
  }();
  why = opened.second;
  return opened.first;
}

} // namespace netdissect
