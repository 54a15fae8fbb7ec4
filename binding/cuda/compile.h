// The kernels compiled at run time by NVRTC, which comes with LibTorch's CUDA builds and with CUDA's toolkit:
// where they were not compiled beforehand, or by a toolkit that is newer than the driver.
#pragma once
#include <string>
#include <vector>

namespace netdissect {

/// The text of kernels.cuh.
extern const char *const cudaKernelText;

/// What a driver loads, for devices of such a capability (90 for 9.0). NVRTC is looked for in some folders,
/// then where the system looks. Throws Failure.
std::string compileCudaKernels(int capability, const std::vector<std::string> &folders);

} // namespace netdissect
