// Every unit's largest activation on each image.
#pragma once
#include "statistics/statistic.h"
#include <vector>

namespace netdissect {

class ImageMaxima : public Statistic {
public:
  ImageMaxima(int64_t units, int64_t images);

  void observe(const UnitMap &map) override;
  void merge(const Statistic &other) override;
  void save(Writer &out) const override;
  void load(Reader &in) override;

  /// [images]; NaN where an image was not observed.
  const float *of(int64_t unit) const { return largest_.data() + unit * images_; }

  /// Whether all images were observed.
  bool whole() const;

  static int64_t bytes(int64_t units, int64_t images) { return units * images * int64_t{sizeof(float)}; }

private:
  int64_t images_;
  std::vector<float> largest_; // [units, images]
};

} // namespace netdissect
