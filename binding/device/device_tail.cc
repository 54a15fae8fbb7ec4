#include "device/device_tail.h"
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace netdissect {

static int64_t capacityFor(int64_t fromTop, int64_t atOnce) {
  return fromTop + std::max(fromTop / 2, atOnce);
}

DeviceTail::DeviceTail(const at::Device &device, int64_t units, int64_t n, double threshold, int64_t atOnce)
    : Tail(units, n, QuantileRank(n, threshold)), capacity_(capacityFor(rank_.fromTop, atOnce)),
      kept_(at::empty({units, capacity_}, at::TensorOptions(at::kFloat).device(device))) {}

int64_t DeviceTail::bytes(int64_t units, int64_t n, double threshold, int64_t atOnce) {
  return units * capacityFor(QuantileRank(n, threshold).fromTop, atOnce) *
         static_cast<int64_t>(sizeof(float));
}

at::Tensor DeviceTail::largest(int64_t begin, int64_t units) const {
  return std::get<0>(kept_.narrow(0, begin, units).narrow(1, 0, held_).topk(rank_.fromTop, 1, true, false));
}

void DeviceTail::take(int64_t begin, const at::Tensor &values) {
  const at::NoGradGuard noGradients;
  const int64_t some = values.size(0), count = values.size(1);
  const at::Tensor own = kept_.narrow(0, begin, some);
  int64_t held = held_;
  if (full(count)) {
    const at::Tensor top = largest(begin, some);
    const at::Tensor least = top.amin(1).to(at::kCPU);
    held = rank_.fromTop;
    own.narrow(1, 0, held).copy_(top);
    std::copy_n(least.data_ptr<float>(), some, bound_.begin() + begin);
  }
  own.narrow(1, held, count).copy_(values);
}

void DeviceTail::taken(int64_t count) { held_ = (full(count) ? rank_.fromTop : held_) + count; }

void DeviceTail::findEnds() const {
  const at::NoGradGuard noGradients;
  requireValues(held_);
  constexpr int64_t atOnce = int64_t{256} << 20;
  const int64_t most = std::max<int64_t>(1, atOnce / bytesToTake());
  for (int64_t begin = 0; begin < units(); begin += most) {
    const at::Tensor top = largest(begin, std::min(most, units() - begin));
    const at::Tensor ends =
        std::get<0>(top.topk(std::min<int64_t>(2, rank_.fromTop), 1, false, true)).to(at::kCPU).contiguous();
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
