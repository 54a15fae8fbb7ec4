// The masks of a layer's units on the grids of label maps.
#pragma once
#include "store/hot_cells.h"
#include "tally/tally.h"
#include <map>
#include <utility>

namespace netdissect {

/// Builds masks of what is kept of maps; holds scratch memory, so one to a thread.
class LayerMasks {
public:
  explicit LayerMasks(const MapGeometry &geometry)
      : geometry_(geometry), cells_(geometry.height, geometry.width) {}

  /// The mask of a record on a grid of pixels; null where no pixel is set.
  const MaskBuilder *read(const uint32_t *begin, const uint32_t *end, float threshold, int height, int width);
  /// How many pixels the last mask has.
  uint32_t pixels() const { return pixels_; }

private:
  struct OnGrid {
    Grid grid;
    MaskBuilder builder;
    explicit OnGrid(Grid of) : grid(std::move(of)), builder(grid) {}
  };

  const MapGeometry &geometry_;
  HotCells cells_;
  std::map<std::pair<int, int>, OnGrid> grids_; // by height and width
  uint32_t pixels_ = 0;
};

/// How many of the mask's pixels carry each label of the planes.
void countLabels(const MaskBuilder &mask, const LabelPlanes &planes, std::vector<uint32_t> &counts);

} // namespace netdissect
