#include "model/input.h"
#include "base/parallel.h"
#include <ATen/ATen.h>
#include <cstring>

namespace netdissect {

namespace {

std::vector<int64_t> shapeOfBatch(const Images &images) {
  return {images.count, images.channels, images.height, images.width};
}

/// What float32 arithmetic makes of each byte, a row a channel.
std::vector<float> tableOf(const Images &images) {
  const auto channels = static_cast<int>(images.channels);
  std::vector<float> table(static_cast<size_t>(channels) * 256);
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < 256; v++) {
      const bool grey = channels == 1, alpha = c == 3;
      const float mean = grey ? (images.mean[0] + images.mean[1] + images.mean[2]) / 3 : images.mean[c % 3];
      const float deviation = grey ? (images.deviation[0] + images.deviation[1] + images.deviation[2]) / 3
                                   : images.deviation[c % 3];
      const float value = static_cast<float>(v) / 255.0f;
      table[c * 256 + v] = alpha ? value : (value - mean) / deviation;
    }
  return table;
}

/// A copy on a device of what lies in the host's memory.
at::Tensor copyOn(const void *data, std::vector<int64_t> shape, at::ScalarType type,
                  const at::Device &device) {
  if (device.is_cpu())
    return at::from_blob(const_cast<void *>(data), shape, type).clone();
  // page-locked, so that the copy goes on beside the processor; the allocator keeps it until that is done
  at::Tensor locked = at::empty(shape, at::TensorOptions(type).pinned_memory(true));
  std::memcpy(locked.data_ptr(), data, locked.nbytes());
  return locked.to(device, /*non_blocking=*/true);
}

} // namespace

at::Tensor inputTensor(const Images &images) {
  if (images.floats) // a copy in any case: a model may change its input
    return at::from_blob(const_cast<float *>(images.floats), shapeOfBatch(images), at::kFloat)
        .clone(at::MemoryFormat::ChannelsLast);
  // Bytes come channels last, which is also the faster layout: only the numbers are converted, by a table.
  const auto channels = static_cast<int>(images.channels);
  const std::vector<float> table = tableOf(images);
  at::Tensor input = at::empty(shapeOfBatch(images),
                               at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  float *out = input.data_ptr<float>();
  parallelFor(images.count * images.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * images.width; i < end * images.width; i++) {
      const uint8_t *rgb = images.bytes + i * 3;
      if (channels == 1) // as Pillow's L
        out[i] = table[(rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16];
      else
        for (int c = 0; c < channels; c++)
          out[i * channels + c] = table[c * 256 + (c < 3 ? rgb[c] : images.alpha ? images.alpha[i] : 255)];
    }
  });
  return input;
}

at::Tensor inputTensorOn(const Images &images, const at::Device &device) {
  if (images.floats)
    return copyOn(images.floats, shapeOfBatch(images), at::kFloat, device)
        .contiguous(at::MemoryFormat::ChannelsLast);
  const std::vector<float> values = tableOf(images);
  const at::Tensor table = copyOn(values.data(), {static_cast<int64_t>(values.size())}, at::kFloat, device);
  const std::vector<int64_t> pixels{images.count, images.height, images.width};
  at::Tensor index = // of pixels, channels last
      copyOn(images.bytes, {images.count, images.height, images.width, 3}, at::kByte, device).to(at::kInt);
  if (images.channels == 1) {
    const std::vector<int32_t> weights{19595, 38470, 7471};
    index = (index * copyOn(weights.data(), {3}, at::kInt, device)).sum({3}, true, at::kInt);
    index = at::bitwise_right_shift(index + 0x8000, 16);
  } else {
    if (images.channels == 4) {
      const at::Tensor alpha = images.alpha ? copyOn(images.alpha, pixels, at::kByte, device).to(at::kInt)
                                            : at::full(pixels, 255, index.options());
      index = at::cat({index, alpha.unsqueeze(3)}, 3);
    }
    index = index + at::arange(0, 256 * images.channels, 256, index.options());
  }
  // a look-up, and no arithmetic, which devices round in ways of their own
  return table.index_select(0, index.flatten()).view(index.sizes()).permute({0, 3, 1, 2});
}

} // namespace netdissect
