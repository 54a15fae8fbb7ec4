// Upsampling a unit's map to a pixel grid and thresholding it: the mask of one unit on one image, as bits.
// Source: network-dissection.md's definition (bilinear, border repeated, float32 steps in a fixed order), as
// in Bau et al., Network Dissection (CVPR 2017).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace netdissect {

/// One axis of a map read from a pixel grid: pixel t reads cells low[t] and high[t], the second by weight[t].
struct Axis {
  int source = 0, target = 0;
  std::vector<int32_t> low, high;
  std::vector<float> weight;
  /// Cell c is read by the pixels [first[c], last[c]).
  std::vector<int32_t> first, last;

  /// Pixel t reads source coordinate (t - offset) / scale, held within the cells.
  Axis(int source, int target, double scale, double offset);
  /// Pixel centres line up.
  static Axis aligned(int source, int target);
};

/// A grid of pixels onto a grid of cells.
struct Grid {
  Axis y, x;
  int words() const { return (x.target + 63) / 64; }
};

/// Builds masks on one grid; holds scratch memory, so one to a thread.
class MaskBuilder {
public:
  explicit MaskBuilder(const Grid &grid);

  /// The mask of a map `[cells y, cells x]` float32: pixels strictly over `level` that read a cell over it.
  /// Returns the number of pixels set. Cells that no lit pixel reads may hold anything.
  uint32_t build(const float *map, float level);

  /// Bits `[rows y][words]` of the last mask; rows outside [begin(), end()) are not valid, and empty.
  const uint64_t *row(int y) const { return bits_.data() + static_cast<size_t>(y) * words_; }
  int begin() const { return begin_; }
  int end() const { return end_; }

private:
  const float *stretched(const float *map, int row);

  const Grid &grid_;
  int words_, padded_, sourceWords_;
  int begin_ = 0, end_ = 0, left_ = 0, right_ = 0;
  uint32_t round_ = 0;
  std::vector<uint64_t> over_, bits_, reach_, cells_;
  std::vector<uint8_t> hot_;
  std::vector<uint32_t> done_;
  std::vector<float> stretched_;
};

} // namespace netdissect
