// Counting again what was counted: with the labels of other images, or at a smaller quantile.
#pragma once
#include "run/levelled.h"
#include <atomic>
#include <functional>
#include <vector>

namespace netdissect {

/// Calls `visit(begin, end, first, count)` for some blocks after the other, [begin, end) with `count` images
/// from `first` on. Throws ABORT_ERR once `stopping` is true or the dissection was cancelled, and
/// ERR_NETDISSECT_USAGE where there are no labels.
void forEachBlocks(const Counted &counted, const std::atomic<bool> &stopping,
                   const std::function<void(size_t begin, size_t end, int64_t first, int64_t count)> &visit);

/// The label planes of each image, in parallel; with `partner` those of image `partner[image]`.
std::vector<LabelPlanes> planesOf(const ImageStore &store, int64_t first, int64_t count,
                                  const std::vector<uint32_t> *partner = nullptr);

/// The counts of every layer where the masks of image x are laid over the labels of image `partner[x]`.
std::vector<LayerTally> countPaired(const Counted &counted, const std::vector<uint32_t> &partner,
                                    const std::atomic<bool> &stopping);

/// A layer at a smaller quantile.
struct NarrowLayer {
  std::vector<double> levels;
  LayerTally tally;
};

/// The counts of every layer at the levels of a quantile that is smaller than the dissection's; empty where
/// there are so few values that these are not known.
std::vector<NarrowLayer> countNarrow(const Counted &counted, double quantile,
                                     const std::atomic<bool> &stopping);

} // namespace netdissect
