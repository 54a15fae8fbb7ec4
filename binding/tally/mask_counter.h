// Masks of units counted against labels, many at a time: what a device does.
#pragma once
#include "tally/tally.h"
#include <string>
#include <vector>

namespace netdissect {

/// One unit's mask on one image.
struct MaskItem {
  const uint32_t *begin, *end; // the record of its hot cells, not empty
  float level;
  uint32_t image; // place in MaskWork::planes
};

/// Masks of maps of one size on one grid of pixels.
struct MaskWork {
  int height = 0, width = 0;               // of the maps
  const Grid *grid = nullptr;              // onto them
  std::vector<const LabelPlanes *> planes; // of images, on the grid
  std::vector<MaskItem> items;
};

struct MaskCounts {
  std::vector<uint32_t> pixels;   // [items] of the masks
  std::vector<uint64_t> at;       // [items] where an item's counts begin
  std::vector<uint32_t> labelled; // for each item, pixels of the mask with each label of its image

  /// Makes room for the counts of some work.
  explicit MaskCounts(const MaskWork &work);
};

class MaskCounter {
public:
  virtual ~MaskCounter() = default;
  /// What it is, for messages.
  virtual std::string name() const = 0;
  virtual void count(const MaskWork &work, MaskCounts &counts) = 0;
};

/// On the processor, plainly: what others are checked against.
void countPlainly(const MaskWork &work, MaskCounts &counts);

} // namespace netdissect
