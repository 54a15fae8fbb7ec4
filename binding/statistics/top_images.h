// The k images on which each unit is strongest.
#pragma once
#include "statistics/statistic.h"
#include <vector>

namespace netdissect {

struct TopImage {
  float activation;
  int64_t image;
};

/// Ranks by the larger activation, then by the lower image number, whatever the order of arrival.
class TopImages : public Statistic {
public:
  TopImages(int64_t units, int64_t k) : k_(k), best_(units) {}

  void observe(const UnitMap &map) override { add(map.unit, {map.scan.largest + 0.0f, map.image}); } // no -0
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;

  int64_t k() const { return k_; }
  const std::vector<TopImage> &of(int64_t unit) const { return best_[unit]; }

private:
  void add(int64_t unit, TopImage entry);

  int64_t k_;
  std::vector<std::vector<TopImage>> best_;
};

} // namespace netdissect
