// Exact levels in several passes: bins over the first bits of the values, then over the next ones within the
// bin that the level lies in, and so on. The last pass is RadixTail's, those before it are RadixBins'.
#pragma once
#include "statistics/tail.h"
#include <memory>

namespace netdissect {

/// What is known of where a unit's level lies.
struct RadixPlace {
  uint32_t prefix = 0; // the first bits of x_index
  int64_t before = 0;  // values that are less than all that begin so
  int64_t inside = 0;  // values that begin so

  bool operator==(const RadixPlace &other) const {
    return prefix == other.prefix && before == other.before && inside == other.inside;
  }
};

/// A pass that is not the last: counts values by the next bits.
class RadixBins : public Statistic {
public:
  /// `bits` of a pass; so many that RadixTail's number is no larger.
  RadixBins(int64_t units, int64_t n, double threshold, int bits = 16);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;

  /// Another one, made with the same numbers.
  std::unique_ptr<RadixBins> alike() const {
    return std::make_unique<RadixBins>(units_, n_, threshold_, bits_);
  }

  /// After all values have passed: goes on to the next bits. False where the next pass is RadixTail's.
  bool next();

  /// Of each pass.
  static int64_t bytes(int64_t units, int bits) { return units * (int64_t{sizeof(uint64_t)} << bits); }
  /// How often all values have to pass, RadixTail's time included.
  static int passes(int bits) { return (32 + bits - 1) / bits; }

private:
  friend class RadixTail;
  void resolve();

  int64_t units_, n_;
  double threshold_;
  int bits_, done_ = 0; // bits of a pass, and of those before
  std::vector<RadixPlace> places_;
  std::vector<uint64_t> bins_; // [units, 2^bits]
};

class RadixTail : public Tail {
public:
  static constexpr uint32_t kind = 4;

  /// After next() was false.
  explicit RadixTail(RadixBins &&before);
  /// What save() wrote.
  RadixTail(Reader &in, int64_t units, int64_t n, double threshold);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;
  double level(int64_t unit) const override;

private:
  void loadCounts(Reader &in);

  int rest_; // bits that are not known
  std::vector<RadixPlace> places_;
  std::vector<float> next_;    // the smallest value over those that begin as x_index does
  std::vector<uint64_t> bins_; // [units, 2^rest]
};

} // namespace netdissect
