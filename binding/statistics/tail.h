// Upper-tail quantiles, one a unit. In one pass where memory allows: of n values only the k largest can
// decide the level, so that a buffer of those is kept (UpperTail). Otherwise in two or more: histograms over
// the first bits of the values (RadixBins) tell the bin that the level lies in, and the last pass resolves
// that bin (RadixTail). Either way a lower bound of the final level is known while cells are selected. An
// estimate in one pass whatever the memory (HistogramTail) is for those who ask for it.
#pragma once
#include "statistics/quantile.h"
#include "statistics/statistic.h"
#include <algorithm>
#include <vector>

namespace netdissect {

/// The values of every unit that can decide its level.
class Tail : public Statistic {
public:
  /// Only a unit's values over this can decide its level or exceed it; it never falls.
  float bound(int64_t unit) const { return bound_[unit]; }
  /// The level in float64, once all n values have passed.
  virtual double level(int64_t unit) const = 0;
  /// How many places in the order of all values the level may be off.
  virtual int64_t rankError(int64_t) const { return 0; }

protected:
  Tail(int64_t units, int64_t n, const QuantileRank &rank);

  int64_t units() const { return static_cast<int64_t>(bound_.size()); }
  template <class Kind> const Kind &same(const Statistic &other) const {
    const Kind &part = sameKind<Kind>(other);
    requireSame(part.units() == units() && part.n_ == n_ && part.rank_.fromTop == rank_.fromTop);
    return part;
  }
  /// Throws unless so many of a unit's largest values are there that they decide its level.
  void requireValues(int64_t count) const;
  void saveNumbers(Writer &out, uint32_t kind) const;
  void expectNumbers(Reader &in, uint32_t kind) const;

  /// Calls `add` for each of the map's values over the unit's bound as it was before.
  template <class Add> void forEachOver(const UnitMap &map, Add add) const {
    if (!map.scan.over)
      return;
    const float bound = bound_[map.unit];
    constexpr size_t some = 1024;
    uint64_t words[some / 64];
    for (size_t begin = 0; begin < map.cells; begin += some) {
      const float *values = map.values + begin;
      const size_t count = std::min(some, map.cells - begin);
      kernels().overBits(values, static_cast<int>(count), bound, words);
      for (size_t w = 0; w * 64 < count; w++)
        for (uint64_t left = words[w]; left; left &= left - 1)
          add(values[w * 64 + __builtin_ctzll(left)]);
    }
  }

  int64_t n_;
  QuantileRank rank_;
  std::vector<float> bound_;
};

} // namespace netdissect
