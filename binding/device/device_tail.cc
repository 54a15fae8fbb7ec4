#include "device/device_tail.h"
#include "model/trouble.h"
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace netdissect {

static int64_t mostFor(int64_t fromTop) { return fromTop + std::max<int64_t>(fromTop / 2, 64); }

DeviceTail::DeviceTail(const at::Device &device, int64_t units, int64_t n, double threshold, int64_t atOnce)
    : Tail(units, n, QuantileRank(n, threshold)), most_(mostFor(rank_.fromTop)),
      kept_(at::empty({units, most_ + atOnce}, at::TensorOptions(at::kFloat).device(device))) {}

int64_t DeviceTail::bytes(int64_t units, int64_t n, double threshold, int64_t atOnce) {
  return units * (mostFor(QuantileRank(n, threshold).fromTop) + atOnce) * static_cast<int64_t>(sizeof(float));
}

at::Tensor DeviceTail::largest(int64_t begin, int64_t units, int64_t held) const {
  return std::get<0>(kept_.narrow(0, begin, units).narrow(1, 0, held).topk(rank_.fromTop, 1, true, false));
}

void DeviceTail::take(const at::Tensor &values) {
  const at::NoGradGuard noGradients;
  const int64_t some = values.size(0), count = values.size(1);
  const at::Tensor own = kept_.narrow(0, next_, some);
  own.narrow(1, held_, count).copy_(values);
  if (full(count)) {
    const at::Tensor top = largest(next_, some, held_ + count);
    const at::Tensor least = top.amin(1).to(at::kCPU);
    own.narrow(1, 0, rank_.fromTop).copy_(top);
    std::copy_n(least.data_ptr<float>(), some, bound_.begin() + next_);
  }
  next_ += some;
  if (next_ < units())
    return;
  next_ = 0;
  held_ = full(count) ? rank_.fromTop : held_ + count;
}

void DeviceTail::taken() {
  level(0);
  bound_ = lower_;
}

void DeviceTail::findEnds() const {
  const at::NoGradGuard noGradients;
  requireValues(held_);
  constexpr int64_t atOnce = int64_t{256} << 20;
  int64_t most = std::max<int64_t>(1, atOnce / bytesToRank());
  lower_.clear();
  upper_.clear();
  for (int64_t begin = 0, some; begin < units(); begin += some) {
    some = std::min(most, units() - begin);
    at::Tensor ends;
    try {
      const at::Tensor top = largest(begin, some, held_);
      const int64_t two = std::min<int64_t>(2, rank_.fromTop);
      ends = std::get<0>(top.topk(two, 1, false, true)).to(at::kCPU).contiguous();
    } catch (const std::exception &error) {
      const std::string message = wordsOfFullMemory(error, "while levels were found");
      if (some == 1)
        throw OutOfDeviceMemory("the GPU's memory is full while levels are found: " + message);
      most = some / 2;
      some = 0;
      continue;
    }
    for (int64_t unit = 0; unit < ends.size(0); unit++) {
      const float *two = ends.data_ptr<float>() + unit * ends.size(1);
      lower_.push_back(two[0]);
      upper_.push_back(two[ends.size(1) - 1]);
    }
  }
}

double DeviceTail::level(int64_t unit) const {
  std::call_once(found_, [this] { findEnds(); });
  return rank_.between(lower_[unit], upper_[unit]);
}

} // namespace netdissect
