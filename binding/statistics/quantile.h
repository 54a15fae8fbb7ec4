// Exact upper-tail quantiles, one a unit. In one pass where memory allows: of n values only the k largest can
// decide the level, so that a buffer of those is kept (UpperTail). Otherwise in two: a histogram over the
// upper half of the values' bits tells the bin that the level lies in, and the second pass resolves that bin
// (RadixTail). Either way a lower bound of the final level is known while cells are selected. An estimate in
// one pass whatever the memory (HistogramTail) is for those who ask for it.
#pragma once
#include <cstddef>
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
  double between(float lower, float upper) const;
};

/// The values of every unit that can decide its level. Units may be added to from different threads.
class Tail {
public:
  virtual ~Tail() = default;

  /// Only a unit's values over this can decide its level or exceed it; it never falls.
  float bound(int64_t unit) const { return bound_[unit]; }
  /// Takes a value over the unit's bound.
  virtual void add(int64_t unit, float value) = 0;
  /// The level in float64, once all n values have passed.
  virtual double level(int64_t unit) const = 0;
  /// How many places in the order of all values the level may be off.
  virtual int64_t rankError(int64_t) const { return 0; }

protected:
  Tail(int64_t units, int64_t n, double threshold);

  QuantileRank rank_;
  std::vector<float> bound_;
};

class UpperTail : public Tail {
public:
  UpperTail(int64_t units, int64_t n, double threshold);
  void add(int64_t unit, float value) override {
    std::vector<float> &kept = kept_[unit];
    kept.push_back(value);
    if (static_cast<int64_t>(kept.size()) >= capacity_)
      cut(unit);
  }
  double level(int64_t unit) const override;

  /// Bytes that the buffers take at most.
  static int64_t bytes(int64_t units, int64_t n, double threshold);

private:
  void cut(int64_t unit);

  int64_t capacity_;
  std::vector<std::vector<float>> kept_;
};

/// A histogram over the upper half of the values' bits. The level is put into its bin evenly; in the bin of
/// 0, which is what many units give nearly everywhere, it is 0.
class HistogramTail : public Tail {
public:
  HistogramTail(int64_t units, int64_t n, double threshold);

  void add(int64_t unit, float value) override;
  double level(int64_t unit) const override;
  int64_t rankError(int64_t unit) const override;

private:
  struct Place {
    uint32_t bin = 0;  // the values of it and of higher bins are counted
    int64_t count = 0; // how many these are
    int64_t tiny = 0;  // how many of the bin that begins with 0 are not 0
  };
  std::vector<uint32_t> bins_; // [units, 65536]
  std::vector<Place> places_;
};

class RadixTail : public Tail {
public:
  RadixTail(int64_t units, int64_t n, double threshold);

  /// First pass: takes all of a unit's values.
  void count(int64_t unit, const float *values, size_t n);
  /// Ends the first pass; from here on bound() and add() are as above.
  void resolve();
  void add(int64_t unit, float value) override;
  double level(int64_t unit) const override;

  static int64_t bytes(int64_t units); // of HistogramTail, too
  /// Whether counts of n values fit.
  static bool fits(int64_t n) { return n <= int64_t{UINT32_MAX}; }

private:
  struct Place {
    uint32_t bin;   // the upper half of x_index
    int64_t before; // values in lower bins
    int64_t inside; // values in the bin
    float next;     // the smallest value in a higher bin
  };
  std::vector<uint32_t> bins_; // [units, 65536]: of upper halves, then of lower halves within the bin
  std::vector<Place> places_;
};

} // namespace netdissect
