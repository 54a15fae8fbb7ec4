#include "statistics/quantile.h"
#include <cmath>

namespace netdissect {

QuantileRank::QuantileRank(int64_t n, double threshold) {
  const double place = (1 - threshold) * static_cast<double>(n - 1);
  index = static_cast<int64_t>(std::floor(place));
  fraction = place - static_cast<double>(index);
  fromTop = n - index;
}

double QuantileRank::between(float lower, float upper) const {
  const double low = lower + 0.0; // no -0
  return low + fraction * (upper - low);
}

} // namespace netdissect
