// Exact levels in one pass: the k largest values of every unit.
#pragma once
#include "statistics/tail.h"

namespace netdissect {

class UpperTail : public Tail {
public:
  static constexpr uint32_t kind = 1;

  UpperTail(int64_t units, int64_t n, double threshold);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;
  double level(int64_t unit) const override;

  /// Bytes that the buffers take at most.
  static int64_t bytes(int64_t units, int64_t n, double threshold);

private:
  void add(int64_t unit, float value) {
    std::vector<float> &kept = kept_[unit];
    if (kept.size() == kept.capacity()) // no more than the capacity, where doubling would go over it
      kept.reserve(
          static_cast<size_t>(std::min<int64_t>(capacity_, 2 * static_cast<int64_t>(kept.size()) + 16)));
    kept.push_back(value);
    if (static_cast<int64_t>(kept.size()) >= capacity_)
      cut(unit);
  }
  void cut(int64_t unit);

  int64_t capacity_;
  std::vector<std::vector<float>> kept_;
};

} // namespace netdissect
