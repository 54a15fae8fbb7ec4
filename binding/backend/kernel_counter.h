// Counting masks by the kernels.
#pragma once
#include "cuda/device.h"
#include "tally/mask_counter.h"
#include <functional>

namespace netdissect {

/// Where compiled kernels come from, and what a user would call that.
struct KernelSource {
  std::string name;
  std::function<std::string(const CudaDevice &device)> image;
};

struct KernelOptions {
  int device = 0;
  std::vector<KernelSource> sources; // the first that loads is taken
  int64_t memory = 0;                // bytes that may be taken of the device
  std::function<void(const std::string &)> notice;
};

/// Throws Failure where no kernels load.
std::unique_ptr<MaskCounter> kernelCounter(const CudaDriver &driver, KernelOptions options);

} // namespace netdissect
