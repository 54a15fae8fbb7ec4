// Exact levels in two passes: bins over the upper half of the values' bits, then over the lower half within
// the bin that the level lies in.
#pragma once
#include "statistics/tail.h"

namespace netdissect {

/// The first pass: counts all values by the upper half of their bits.
class RadixBins : public Statistic {
public:
  RadixBins(int64_t units, int64_t n, double threshold);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;

  static int64_t bytes(int64_t units); // of each pass, and of HistogramTail, too
  /// Whether counts of n values fit.
  static bool fits(int64_t n) { return n <= int64_t{UINT32_MAX}; }

private:
  friend class RadixTail;
  int64_t n_;
  double threshold_;
  std::vector<uint32_t> bins_; // [units, binCount]
};

class RadixTail : public Tail {
public:
  /// After all values have passed the first time.
  explicit RadixTail(RadixBins &&first);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;
  double level(int64_t unit) const override;

private:
  struct Place {
    uint32_t bin = 0;   // the upper half of x_index
    int64_t before = 0; // values in lower bins
    int64_t inside = 0; // values in the bin
    float next;         // the smallest value in a higher bin
  };
  std::vector<uint32_t> bins_; // [units, binCount] of lower halves within the bin
  std::vector<Place> places_;
};

} // namespace netdissect
