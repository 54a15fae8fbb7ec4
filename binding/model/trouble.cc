#include "model/trouble.h"

namespace netdissect {

Trouble troubleOf(const std::string &message) {
  const auto has = [&](const char *words) { return message.find(words) != std::string::npos; };
  for (const char *words :
       {"CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"})
    if (has(words))
      return Trouble::memory;
  for (const char *words :
       {"CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS_", "CUDNN_STATUS_"})
    if (has(words))
      return Trouble::device;
  return Trouble::other;
}

} // namespace netdissect
