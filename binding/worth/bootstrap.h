// Intervals of IoUs by a bootstrap over images: each replicate weights every image by how often it is drawn,
// Poisson(1), and takes the IoU of the weighted sums. Levels are held fixed. Sums are of whole numbers in
// float64: exact up to 2^53.
#pragma once
#include "run/levelled.h"
#include <atomic>
#include <vector>

namespace netdissect {

struct Bootstrap {
  size_t replicates = 0;
  uint64_t seed = 1;
};

/// The weights of some consecutive images, [images, replicates].
class ImageWeights {
public:
  ImageWeights(const Bootstrap &bootstrap, int64_t first, int64_t count);
  const uint8_t *of(int64_t image) const { return weights_.data() + image * replicates_; }

private:
  size_t replicates_;
  std::vector<uint8_t> weights_;
};

/// The 2.5 and 97.5 percentiles, by the linear rule.
struct Interval {
  double low = 0, high = 0;
};
Interval intervalOf(std::vector<double> &values);

/// What the replicates say of a unit's choices of labels.
struct Resampled {
  std::vector<Interval> intervals; // [units, choices]
  std::vector<int32_t> wins;       // [units, choices]: in how many replicates it is the best; a tie goes to
                                   // the lower code, and one without any IoU over 0 to none
};

/// `choices`: codes of labels, [units, as many for each], -1 for none.
Resampled resample(const Counted &counted, size_t layer, const std::vector<int32_t> &choices,
                   const Bootstrap &bootstrap, const std::atomic<bool> &stopping);

} // namespace netdissect
