// Where a quantile lies among n values.
#pragma once
#include <cstdint>

namespace netdissect {

/// Where the `1 - threshold` quantile of n values lies, by the linear rule: between the order statistics
/// `index` and `index + 1` (ascending, from 0), `fraction` of the way.
struct QuantileRank {
  int64_t index;
  double fraction;
  int64_t fromTop; // how many of the largest values decide it: n - index
  QuantileRank(int64_t n, double threshold);
  double between(float lower, float upper) const;
};

} // namespace netdissect
