// Exact upper-tail quantiles, one a unit, in one pass: of n values only the k largest can decide the level,
// so that a buffer of those is kept, and its smallest is a lower bound of the final level at every moment.
#pragma once
#include <cstdint>
#include <vector>

namespace netdissect {

/// Where the `1 - threshold` quantile of n values lies, by the linear rule: between the order statistics
/// `index` and `index + 1` (ascending, from 0), `fraction` of the way.
struct QuantileRank {
  int64_t index;
  double fraction;
  int64_t fromTop; // how many of the largest values decide it: n - index
  QuantileRank(int64_t n, double threshold);
};

/// The largest values of every unit. Units may be added to from different threads.
class UpperTail {
public:
  UpperTail(int64_t units, int64_t n, double threshold);

  /// All of a unit's values so far that are over this may still decide its level; it only ever rises.
  float bound(int64_t unit) const { return bound_[unit]; }

  /// Takes a value over the unit's bound.
  void add(int64_t unit, float value) {
    std::vector<float> &kept = kept_[unit];
    kept.push_back(value);
    if (static_cast<int64_t>(kept.size()) >= capacity_)
      cut(unit);
  }

  /// The level in float64, once all n values have been seen.
  double level(int64_t unit) const;

  /// Bytes that the buffers take at most.
  static int64_t bytes(int64_t units, int64_t n, double threshold);

private:
  void cut(int64_t unit);

  QuantileRank rank_;
  int64_t capacity_;
  std::vector<float> bound_;
  std::vector<std::vector<float>> kept_;
};

} // namespace netdissect
