#include "model/runner.h"
#include "base/failure.h"
#include "base/parallel.h"
#include <ATen/ATen.h>

namespace netdissect {

namespace {

/// The batch as float32 [count, channels, height, width], channels last in memory.
at::Tensor inputTensor(const Images &images) {
  const std::vector<int64_t> shape{images.count, images.channels, images.height, images.width};
  if (images.floats) // a copy in any case: a model may change its input
    return at::from_blob(const_cast<float *>(images.floats), shape, at::kFloat)
        .clone(at::MemoryFormat::ChannelsLast);
  // Bytes come channels last, which is also the faster layout: only the numbers are converted, by a table of
  // what float32 arithmetic makes of each byte.
  const auto channels = static_cast<int>(images.channels);
  float table[4][256];
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < 256; v++) {
      const bool grey = channels == 1, alpha = c == 3;
      const float mean = grey ? (images.mean[0] + images.mean[1] + images.mean[2]) / 3 : images.mean[c % 3];
      const float deviation = grey ? (images.deviation[0] + images.deviation[1] + images.deviation[2]) / 3
                                   : images.deviation[c % 3];
      const float value = static_cast<float>(v) / 255.0f;
      table[c][v] = alpha ? value : (value - mean) / deviation;
    }
  at::Tensor input =
      at::empty(shape, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  float *out = input.data_ptr<float>();
  parallelFor(images.count * images.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * images.width; i < end * images.width; i++) {
      const uint8_t *rgb = images.bytes + i * 3;
      if (channels == 1) // as Pillow's L
        out[i] = table[0][(rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16];
      else
        for (int c = 0; c < channels; c++)
          out[i * channels + c] = table[c][c < 3 ? rgb[c] : images.alpha ? images.alpha[i] : 255];
    }
  });
  return input;
}

std::string sizeOf(int64_t height, int64_t width) {
  return std::to_string(height) + "×" + std::to_string(width);
}

} // namespace

Runner::Runner(Running &running, HookedGraph &hooked)
    : running_(running), hooked_(hooked), facts_(factsOf(hooked)) {}

std::vector<Capture> Runner::run(const Images &images) {
  at::Tensor input = inputTensor(images).to(running_.device, facts_.inputType);
  // contiguous() would keep the strides of what lies both ways, such as one channel, and convolutions go by
  // them
  return hooked_.run(running_.channelsLast ? input : input.clone(at::MemoryFormat::Contiguous));
}

void Runner::settle(const Images &images) {
  if (settled_)
    return;
  if (facts_.input == "no input")
    throw Failure(
        "ERR_NETDISSECT_FORWARD",
        "the model's forward takes no input, where a batch of images is given; export a model whose "
        "forward takes one tensor [images, channels, height, width]");
  if (!facts_.input.empty())
    throw Failure("ERR_NETDISSECT_FORWARD",
                  "the model's forward takes " + facts_.input +
                      ", where one batch of images is given; export a model whose forward takes one tensor "
                      "[images, channels, height, width]");
  if (facts_.channels && facts_.channels != images.channels)
    throw Failure("ERR_NETDISSECT_FORWARD",
                  "the model takes images of " + std::to_string(facts_.channels) + " channels and got " +
                      std::to_string(images.channels) +
                      (facts_.channels == 1 || facts_.channels == 3 || facts_.channels == 4
                           ? ""
                           : "; images can be given with 1 (grey), 3 (RGB) or 4 "
                             "(RGBA)"));
  std::string message;
  for (const int64_t count : {2, 1})
    for (const bool last : {true, false}) {
      if (last && (facts_.readsMemory || (running_.laidOut && !running_.channelsLast)))
        continue;
      const std::string failure = attempt(count, last, images.channels, images.height, images.width);
      if (failure.empty()) {
        oneByOne_ = count == 1;
        settled_ = true;
        return;
      }
      message = failure;
    }
  throw Failure("ERR_NETDISSECT_FORWARD", "the model fails on images of " +
                                              sizeOf(images.height, images.width) + ": " + message +
                                              advice(images, message));
}

/// Runs some images; the reason where that fails.
std::string Runner::attempt(int64_t count, bool last, int64_t channels, int64_t height, int64_t width) {
  std::vector<float> values(count * channels * height * width);
  for (size_t i = 0; i < values.size(); i++)
    values[i] = static_cast<float>((i * 7919) % 1009) / 504.5f - 1;
  Images images;
  images.floats = values.data();
  images.count = count;
  images.channels = channels;
  images.height = height;
  images.width = width;
  running_.layOut(hooked_.model(), last);
  try {
    const std::vector<Capture> captures = run(images);
    // A forward with one image fixed in it may run on, and give one row.
    for (const Capture &capture : captures)
      if (count > 1 && capture.value.isTensor() && capture.value.toTensor().defined() &&
          capture.value.toTensor().dim() > 1 && capture.value.toTensor().size(0) == 1)
        return "it gives the output of one image for several";
    return "";
  } catch (const std::exception &error) {
    return cleanMessage(error);
  }
}

/// What to do about a failure, as far as trying tells.
std::string Runner::advice(const Images &images, const std::string &message) {
  if (facts_.inputType != at::kFloat && message.find("not implemented for") != std::string::npos)
    return "; its parameters are " + std::string(c10::toString(facts_.inputType)) +
           ", for which LibTorch lacks this operation here: export it in float32, with model.float()";
  if (message.find("CUDA") != std::string::npos)
    return "; it was made for a GPU: export it on the CPU";
  for (const int64_t size :
       {224, 227, 256, 299, 384, 512, 448, 336, 320, 192, 160, 128, 112, 96, 64, 48, 32, 28, 16, 8})
    if ((size != images.height || size != images.width) &&
        attempt(1, false, images.channels, size, size).empty())
      return "; it runs on images of " + sizeOf(size, size) + ": choose the size that it was made for";
  return "";
}

} // namespace netdissect
