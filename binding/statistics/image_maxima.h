// Every unit's largest activation on each of consecutive images.
#pragma once
#include "statistics/statistic.h"
#include <vector>

namespace netdissect {

class ImageMaxima : public Statistic {
public:
  /// Of the images [first, end).
  ImageMaxima(int64_t units, int64_t first, int64_t end);

  void observe(const UnitMap &map) override;
  /// Another one of some of these images.
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;

  /// One an image; NaN where one was not observed.
  const float *of(int64_t unit) const { return largest_.data() + unit * count_; }

  /// [units, count]
  const std::vector<float> &values() const { return largest_; }

  /// Whether all images were observed.
  bool whole() const;

  static int64_t bytes(int64_t units, int64_t images) { return units * images * int64_t{sizeof(float)}; }

private:
  int64_t first_, count_;
  std::vector<float> largest_;
};

} // namespace netdissect
