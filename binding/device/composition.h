// Counting masks by operations of LibTorch, the same on every device: where the kernels cannot be used.
#pragma once
#include "tally/mask_counter.h"
#include <ATen/core/Tensor.h>

namespace netdissect {

/// `memory`: bytes of the device that it may take.
std::unique_ptr<MaskCounter> composedCounter(const at::Device &device, int64_t memory);

} // namespace netdissect
