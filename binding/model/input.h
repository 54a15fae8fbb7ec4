// Images as the tensor that a model takes.
#pragma once
#include "model/unit_source.h"
#include <ATen/core/Tensor.h>

namespace netdissect {

/// The batch as float32 [count, channels, height, width] of the processor, channels last in memory.
at::Tensor inputTensor(const Images &images);

/// The same numbers, bit for bit, made on a device: bytes are copied there, without the processor waiting,
/// and become numbers there.
at::Tensor inputTensorOn(const Images &images, const at::Device &device);

} // namespace netdissect
