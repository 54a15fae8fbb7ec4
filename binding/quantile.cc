#include "quantile.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace netdissect {

QuantileRank::QuantileRank(int64_t n, double threshold) {
  const double place = (1 - threshold) * static_cast<double>(n - 1);
  index = static_cast<int64_t>(std::floor(place));
  fraction = place - static_cast<double>(index);
  fromTop = n - index;
}

static int64_t capacityFor(int64_t fromTop) { return fromTop + std::max<int64_t>(fromTop / 2, 64); }

UpperTail::UpperTail(int64_t units, int64_t n, double threshold)
    : rank_(n, threshold), capacity_(capacityFor(rank_.fromTop)),
      bound_(units, -std::numeric_limits<float>::infinity()), kept_(units) {}

int64_t UpperTail::bytes(int64_t units, int64_t n, double threshold) {
  return units * capacityFor(QuantileRank(n, threshold).fromTop) * static_cast<int64_t>(sizeof(float));
}

void UpperTail::cut(int64_t unit) {
  std::vector<float> &kept = kept_[unit];
  std::nth_element(kept.begin(), kept.begin() + (rank_.fromTop - 1), kept.end(), std::greater<float>());
  kept.resize(rank_.fromTop);
  bound_[unit] = kept.back();
}

double UpperTail::level(int64_t unit) const {
  std::vector<float> kept = kept_[unit];
  const auto at = kept.begin() + (rank_.fromTop - 1);
  std::nth_element(kept.begin(), at, kept.end(), std::greater<float>());
  const double lower = *at;
  if (rank_.fromTop == 1)
    return lower; // the largest value of all
  const double upper = *std::min_element(kept.begin(), at);
  return lower + rank_.fraction * (upper - lower);
}

} // namespace netdissect
