#include "statistics/image_maxima.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace netdissect {

constexpr uint32_t kind = 6;

ImageMaxima::ImageMaxima(int64_t units, int64_t images)
    : images_(images), largest_(units * images, std::numeric_limits<float>::quiet_NaN()) {}

void ImageMaxima::observe(const UnitMap &map) {
  largest_[map.unit * images_ + map.image] = map.scan.largest + 0.0f; // no -0
}

void ImageMaxima::merge(const Statistic &other) {
  const auto &part = sameKind<ImageMaxima>(other);
  requireSame(part.images_ == images_ && part.largest_.size() == largest_.size());
  for (size_t i = 0; i < largest_.size(); i++)
    if (!std::isnan(part.largest_[i]))
      largest_[i] = part.largest_[i];
}

void ImageMaxima::save(Writer &out) const {
  out.put(kind);
  out.put(images_);
  out.put(largest_);
}

void ImageMaxima::load(Reader &in) {
  in.expect(kind, "kind of activations");
  in.expect(images_, "number of images");
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
