#include "model/trouble.h"
#include "base/failure.h"
#include "model/retain.h"
#include <new>

namespace netdissect {

Trouble troubleOf(const std::string &message) {
  const auto has = [&](const char *words) { return message.find(words) != std::string::npos; };
  for (const char *words : {"CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
                            "CUDA driver error: out of memory", "CUDNN_STATUS_ALLOC_FAILED",
                            "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"})
    if (has(words))
      return Trouble::memory;
  // What a library refuses does not break the device.
  for (const char *words : {"NOT_SUPPORTED", "BAD_PARAM", "INVALID_VALUE", "ARCH_MISMATCH"})
    if (has("_STATUS_") && has(words))
      return Trouble::other;
  for (const char *words :
       {"CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS_", "CUDNN_STATUS_"})
    if (has(words))
      return Trouble::device;
  return Trouble::other;
}

std::string wordsOfFullMemory(const std::exception &error, const std::string &when) {
  if (dynamic_cast<const Failure *>(&error) || dynamic_cast<const std::bad_alloc *>(&error))
    throw;
  std::string message = cleanMessage(error);
  if (troubleOf(message) != Trouble::memory)
    throw Failure("ERR_NETDISSECT_DEVICE", "the GPU failed " + when + ": " + message);
  return message;
}

void throwTrouble(const std::string &message, const std::string &whenFull, const std::string &whenFailed) {
  switch (troubleOf(message)) {
  case Trouble::memory:
    throw OutOfDeviceMemory("the GPU's memory is full " + whenFull + ": " + message);
  case Trouble::device:
    throw Failure("ERR_NETDISSECT_DEVICE", "the GPU failed " + whenFailed + ": " + message +
                                               "; try again, or leave it out with device: 'cpu' (--no-cuda)");
  case Trouble::other:
    return;
  }
}

} // namespace netdissect
