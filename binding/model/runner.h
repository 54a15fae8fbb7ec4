// How a model runs: memory layout, images at once, found out by trying.
#pragma once
#include "model/facts.h"
#include "model/retain.h"
#include "model/script_model.h"
#include <array>
#include <mutex>

namespace netdissect {

/// How a model runs: found out by trying, and kept.
struct Running {
  at::Device device;
  bool byTensors = false;   // on the processor in the way of a device, for tests
  int64_t mostImages = 0;   // of a forward, then; 0: any; under 0: none
  int64_t fullAt = 0;       // and the run that finds no memory, once; 0: none
  bool tf32 = false;        // whether a device may round what it multiplies to 10 bits
  bool channelsLast = true; // of weights and input, together
  bool laidOut = false;     // whether the weights lie so

  /// Whether images become numbers where the model is, and values stay there.
  bool onDevice() const { return byTensors || !device.is_cpu(); }

  /// Lays weights out as the input is, which would otherwise be done anew in every forward.
  void layOut(const torch::jit::Module &model, bool last) {
    if (laidOut && last == channelsLast)
      return;
    const at::NoGradGuard noGradients;
    for (at::Tensor parameter : model.parameters())
      if (parameter.dim() == 4)
        parameter.set_data(
            parameter.clone(last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
    channelsLast = last;
    laidOut = true;
  }
};

/// While it lives, a device multiplies in full float32 precision, or as it was asked to.
class Precision {
public:
  explicit Precision(const Running &running);
  ~Precision();
  Precision(const Precision &) = delete;

private:
  /// Of convolutions, recurrent layers and products of matrices.
  static std::array<int, 3> exchange(const std::array<int, 3> &wanted);

  bool changed_;
  std::unique_lock<std::mutex> lock_;
  std::array<int, 3> before_{};
};

/// A hooked forward and how it has to be run.
class Runner {
public:
  Runner(Running &running, HookedGraph &hooked);

  const Facts &facts() const { return facts_; }
  bool oneByOne() const { return oneByOne_; }
  std::vector<Capture> run(const Images &images);
  /// Before the first run: finds out whether the model takes tensors that lie channels last, and several
  /// images at once, and where it takes none says why.
  void settle(const Images &images);

private:
  std::string attempt(int64_t count, bool last, int64_t channels, int64_t height, int64_t width);
  bool runs(int64_t channels, int64_t size);
  std::string advice(const Images &images, const std::string &message);

  Running &running_;
  HookedGraph &hooked_;
  Facts facts_;
  int64_t settled_ = 0; // for so many images at once: 2 stand for more
  int64_t runs_ = 0;
  bool oneByOne_ = false;
};

} // namespace netdissect
