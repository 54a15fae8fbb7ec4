#include "model/cuda_status.h"
#include "cuda/driver.h"
#include "model/retain.h"
#include "model/script_model.h"
#include <ATen/ATen.h>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <torch/cuda.h>

namespace netdissect {

namespace {

/// Why LibTorch's library for CUDA is not loaded; empty where it is.
std::string &libraryTrouble() {
  static std::string trouble = "it was not looked for";
  return trouble;
}

/// Beside LibTorch's other libraries.
void loadLibrary() {
  Dl_info torch;
  std::string folder;
  if (dladdr(reinterpret_cast<void *>(&at::globalContext), &torch) && torch.dli_fname)
    folder = torch.dli_fname;
  folder.resize(folder.find_last_of('/') == std::string::npos ? 0 : folder.find_last_of('/') + 1);
  if (dlopen((folder + "libtorch_cuda.so").c_str(), RTLD_NOW | RTLD_GLOBAL))
    return libraryTrouble().clear();
  const char *error = dlerror();
  libraryTrouble() = error ? error : "it does not load";
}

std::string tryOut(int index) {
  std::string why;
  if (!cudaDriver(why))
    return why;
  if (!libraryTrouble().empty())
    return "LibTorch " + torchVersion() + " is a build for the CPU, or a part of it is missing (" +
           libraryTrouble() + ")";
  try {
    if (!torch::cuda::is_available())
      return "LibTorch finds no device, though the driver does";
    if (const auto count = static_cast<int>(torch::cuda::device_count()); index >= count)
      return "there is no device cuda:" + std::to_string(index) + "; there " +
             (count == 1 ? "is one" : "are " + std::to_string(count)) + ", numbered from 0";
    const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(index));
    const at::Tensor ones = at::ones({64, 64}, at::TensorOptions(at::kFloat).device(device));
    if (at::matmul(ones, ones).sum().item<float>() != 64.0f * 64 * 64)
      return "a first computation on the device gave a wrong result";
  } catch (const std::exception &error) {
    return "a first computation on the device failed: " + cleanMessage(error);
  }
  return "";
}

} // namespace

void openCuda() {
  std::string why;
  if (cudaDriver(why))
    loadLibrary();
}

const std::string &whyNoCuda(int index) {
  static std::mutex mutex;
  static std::map<int, std::string> known;
  const std::lock_guard<std::mutex> lock(mutex);
  if (!known.count(index))
    known[index] = tryOut(index);
  return known[index];
}

} // namespace netdissect
