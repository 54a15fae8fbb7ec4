#include "statistics/image_maxima.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace netdissect {

constexpr uint32_t kind = 6;

ImageMaxima::ImageMaxima(int64_t units, int64_t first, int64_t end)
    : first_(first), count_(end - first), largest_(units * count_, std::numeric_limits<float>::quiet_NaN()) {}

void ImageMaxima::observe(const UnitMap &map) {
  largest_[map.unit * count_ + map.image - first_] = map.scan.largest + 0.0f; // no -0
}

void ImageMaxima::merge(const Statistic &other) {
  const auto &part = sameKind<ImageMaxima>(other);
  const int64_t shift = part.first_ - first_;
  requireSame(shift >= 0 && shift + part.count_ <= count_);
  if (!part.count_)
    return;
  const auto units = static_cast<int64_t>(part.largest_.size()) / part.count_;
  requireSame(units * count_ == static_cast<int64_t>(largest_.size()));
  for (int64_t unit = 0; unit < units; unit++)
    for (int64_t i = 0; i < part.count_; i++)
      if (const float value = part.of(unit)[i]; !std::isnan(value))
        largest_[unit * count_ + shift + i] = value;
}

void ImageMaxima::save(Writer &out) const {
  out.put(kind);
  out.put(first_);
  out.put(count_);
  out.put(largest_);
}

void ImageMaxima::load(Reader &in) {
  in.expect(kind, "kind of activations");
  in.expect(first_, "first image");
  in.expect(count_, "number of images");
  std::vector<float> largest = in.list<float>();
  if (largest.size() != largest_.size())
    throw Failure("ERR_NETDISSECT_STORE", "what was saved has another number of units");
  for (const float value : largest)
    if (std::isinf(value))
      throw damaged();
  largest_ = std::move(largest);
}

bool ImageMaxima::whole() const {
  return std::none_of(largest_.begin(), largest_.end(), [](float value) { return std::isnan(value); });
}

} // namespace netdissect
