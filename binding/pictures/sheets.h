// Pictures that are stored once: the masks of a unit, and the labels of an image, one under the other.
#pragma once
#include "run/levelled.h"
#include <cstdint>
#include <vector>

namespace netdissect {

/// PNG scanlines (a filter byte, then palette indices): of 2 bits, the masks of as many of a unit's top
/// images as `to` holds, each as high as the images are.
void drawMaskSheet(const Counted &counted, size_t layer, int64_t unit, uint8_t *to, size_t bytes);

/// What an image's labels look like, category by category.
struct LabelSheet {
  /// Of one category. Label maps are drawn on their own grid, or the image's where that is smaller.
  int64_t width = 0, height = 0;
  std::vector<int32_t> categories; // those present, one under the other
  std::vector<uint16_t> labels;    // those present, their numbers
  std::vector<uint8_t> colors;     // from palette index 1 on: which colour of labels, from 0; 0 is no label
  int depth = 1;                   // bits of an index, the fewest that hold the palette: 1, 2, 4 or 8
  std::vector<uint8_t> scanlines;
};

/// Nothing of an image without labels. From any thread, several at once, as the masks are.
LabelSheet drawLabelSheet(const Counted &counted, int64_t image, unsigned labelColors);

} // namespace netdissect
