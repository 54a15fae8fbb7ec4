#include "model/runner.h"
#include "base/failure.h"
#include "model/input.h"
#include "model/trouble.h"
#include <ATen/ATen.h>
#include <torch/version.h>

namespace netdissect {

namespace {

std::string sizeOf(int64_t height, int64_t width) {
  return std::to_string(height) + "×" + std::to_string(width);
}

} // namespace

// LibTorch's setting is the process's, and its default for convolutions is not full precision. Models that
// run at the same time would see each other's.
Precision::Precision(const Running &running) : changed_(running.onDevice()) {
  static std::mutex one;
  if (changed_)
    lock_ = std::unique_lock(one);
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 10)
  const int wanted = static_cast<int>(running.tf32 ? at::Float32Precision::TF32 : at::Float32Precision::IEEE);
#else
  const int wanted = running.tf32;
#endif
  if (changed_)
    before_ = exchange({wanted, wanted, wanted});
}

Precision::~Precision() {
  if (changed_)
    exchange(before_);
}

std::array<int, 3> Precision::exchange(const std::array<int, 3> &wanted) {
  at::Context &context = at::globalContext();
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 10)
  using at::Float32Op;
  constexpr auto cuda = at::Float32Backend::CUDA;
  constexpr Float32Op operations[] = {Float32Op::CONV, Float32Op::RNN, Float32Op::MATMUL};
  std::array<int, 3> before;
  for (int i = 0; i < 3; i++) {
    before[i] = static_cast<int>(context.float32Precision(cuda, operations[i]));
    context.setFloat32Precision(cuda, operations[i], static_cast<at::Float32Precision>(wanted[i]));
  }
#else
  const std::array<int, 3> before{context.allowTF32CuDNN(), context.allowTF32CuDNN(),
                                  context.allowTF32CuBLAS()};
  context.setAllowTF32CuDNN(wanted[0]);
  context.setAllowTF32CuBLAS(wanted[2]);
#endif
  return before;
}

Runner::Runner(Running &running, HookedGraph &hooked)
    : running_(running), hooked_(hooked), facts_(factsOf(hooked)) {}

std::vector<Capture> Runner::run(const Images &images) {
  if ((running_.mostImages && images.count > running_.mostImages) || ++runs_ == running_.fullAt)
    throw OutOfDeviceMemory("the GPU's memory is full: NETDISSECT_GPU_PATH says so");
  const Precision precision(running_);
  at::Tensor input = (running_.onDevice() ? inputTensorOn(images, running_.device) : inputTensor(images))
                         .to(facts_.inputType);
  // contiguous() would keep the strides of what lies both ways, such as one channel, and convolutions go by
  // them
  return hooked_.run(running_.channelsLast ? input : input.clone(at::MemoryFormat::Contiguous));
}

void Runner::settle(const Images &images) {
  if (settled_ >= std::min<int64_t>(2, images.count))
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
  bool shortOfMemory = false; // of memory for two images, where there is one
  for (const int64_t count : {2, 1})
    for (const bool last : {true, false}) {
      if (last && (facts_.readsMemory || (running_.laidOut && !running_.channelsLast)))
        continue;
      try {
        message = attempt(count, last, images.channels, images.height, images.width);
      } catch (const OutOfDeviceMemory &) {
        if (count == 1 || images.count > 1)
          throw;
        shortOfMemory = true;
        break;
      }
      if (message.empty()) {
        oneByOne_ = count == 1 && !shortOfMemory;
        settled_ = shortOfMemory ? 1 : 2;
        return;
      }
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
  try {
    running_.layOut(hooked_.model(), last);
    const std::vector<Capture> captures = run(images);
    // A forward with one image fixed in it may run on, and give one row.
    for (const Capture &capture : captures)
      if (count > 1 && capture.value.isTensor() && capture.value.toTensor().defined() &&
          capture.value.toTensor().dim() > 1 && capture.value.toTensor().size(0) == 1)
        return "it gives the output of one image for several";
    return "";
  } catch (const OutOfDeviceMemory &) {
    throw;
  } catch (const std::exception &error) {
    std::string message = cleanMessage(error);
    if (running_.onDevice())
      throwTrouble(message, "when the model is tried", "when the model was tried");
    return message;
  }
}

bool Runner::runs(int64_t channels, int64_t size) {
  try {
    return attempt(1, false, channels, size, size).empty();
  } catch (const Failure &) { // of the device
    return false;
  }
}

/// What to do about a failure, as far as trying tells.
std::string Runner::advice(const Images &images, const std::string &message) {
  if (facts_.inputType != at::kFloat && message.find("not implemented for") != std::string::npos)
    return "; its parameters are " + std::string(c10::toString(facts_.inputType)) +
           ", for which LibTorch lacks this operation here: export it in float32, with model.float()";
  if (!running_.onDevice() && message.find("CUDA") != std::string::npos)
    return "; it was made for a GPU: export it on the CPU";
  for (const int64_t size :
       {224, 227, 256, 299, 384, 512, 448, 336, 320, 192, 160, 128, 112, 96, 64, 48, 32, 28, 16, 8})
    if ((size != images.height || size != images.width) && runs(images.channels, size))
      return "; it runs on images of " + sizeOf(size, size) + ": choose the size that it was made for";
  return "";
}

} // namespace netdissect
