// Counting again what was counted: with the labels of other images, or at a smaller quantile.
#pragma once
#include "run/levelled.h"
#include "tally/upsample.h"
#include <atomic>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace netdissect {

/// Calls `visit(begin, end, first, count)` for some blocks after the other, [begin, end) with `count` images
/// from `first` on, for each of which there are `maps` label maps. Throws ABORT_ERR once `stopping` is true
/// or the dissection was cancelled, and ERR_NETDISSECT_USAGE where there are no labels.
void forEachBlocks(const Counted &counted, const std::atomic<bool> &stopping,
                   const std::function<void(size_t begin, size_t end, int64_t first, int64_t count)> &visit,
                   int64_t maps = 1);

/// The label planes of each image, in parallel.
std::vector<LabelPlanes> planesOf(const ImageStore &store, int64_t first, int64_t count);

/// Calls `see(unit, image, mask, pixels)` for every mask of units [first, last) of a layer that has any
/// pixels, on the images of blocks [from, to), counted from 0, in the order of the images; different units'
/// in parallel. `size` is an image's grid, height and width; masks on images without rows are left out.
void forEachMask(
    const Counted &counted, const std::atomic<bool> &stopping, size_t layer, int64_t first, int64_t last,
    size_t from, size_t to, const std::function<std::pair<int, int>(size_t image)> &size,
    const std::function<void(int64_t unit, size_t image, const MaskBuilder &mask, uint32_t pixels)> &see);

/// The counts of every layer where the masks of image x are laid over the labels of image `partners[p][x]`,
/// for each p; `partners` is [p, images]. A mask is made once for all whose label maps are of one size.
std::vector<std::vector<LayerTally>>
countPaired(const Counted &counted, const std::vector<uint32_t> &partners, const std::atomic<bool> &stopping);

/// A layer at a smaller quantile.
struct NarrowLayer {
  std::vector<double> levels;
  std::optional<LayerTally> tally; // when it is counted
};

/// The counts of every layer at the levels of a quantile that is smaller than the dissection's; none where
/// there are so few values that these are not known.
std::vector<std::optional<NarrowLayer>> countNarrow(const Counted &counted, double quantile,
                                                    const std::atomic<bool> &stopping);

} // namespace netdissect
