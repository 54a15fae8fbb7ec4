// Estimated levels in one pass, whatever the memory.
#pragma once
#include "statistics/tail.h"

namespace netdissect {

/// A histogram over the upper half of the values' bits. The level is put into its bin evenly; in the bin of
/// 0, which is what many units give nearly everywhere, it is 0.
class HistogramTail : public Tail {
public:
  static constexpr uint32_t kind = 3;

  HistogramTail(int64_t units, int64_t n, double threshold);
  HistogramTail(int64_t units, int64_t n, const QuantileRank &rank);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;
  double level(int64_t unit) const override;

  /// Whether counts of n values fit.
  static bool fits(int64_t n) { return n <= int64_t{UINT32_MAX}; }
  /// That can have been saved in so many bytes.
  static int64_t mostUnits(size_t bytes);
  int64_t rankError(int64_t unit) const override;

private:
  struct Place {
    uint32_t bin = 0;  // the values of it and of higher bins are counted
    int64_t count = 0; // how many these are
    int64_t tiny = 0;  // how many of the bin that begins with 0 are not 0
  };
  void add(int64_t unit, float value);
  void rise(int64_t unit);

  std::vector<uint32_t> bins_; // [units, binCount]
  std::vector<Place> places_;
};

} // namespace netdissect
