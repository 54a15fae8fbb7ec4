// The pictures of a unit: its top images in a row, as photographs, under the mask, as labels and as the mask.
#pragma once
#include "run/levelled.h"
#include <array>
#include <cstdint>
#include <vector>

namespace netdissect {

/// Palette indices of the mask strip: 0 outside, 1 inside, 2 the border, 3 between images; of the label
/// strip: 0 no label, 1 between images, then `labelColors` colours that labels take by their numbers.
struct StripStyle {
  int gap = 0; // white pixels between images
  std::array<uint8_t, 3> border{};
  unsigned labelColors = 1;
};

/// The strips of a unit, and where they lie in the memory that they were drawn into: RGB rows (top, orig),
/// and PNG scanlines (a filter byte, then palette indices) of 8 (seg, empty without labels) and 2 bits
/// (mask).
struct Strips {
  struct Part {
    int64_t begin = 0, end = 0;
  };
  int64_t width = 0, height = 0;
  Part top, orig, seg, mask;
};

/// Where the strips of so many images of this size lie.
Strips layOutStrips(int64_t images, int64_t height, int64_t width, int gap, bool labelled);

/// The first `pixels.size()` top images of a unit, each `[height, width, 3]` bytes, drawn into memory of
/// `bytes` bytes. From any thread, several at once.
Strips drawStrips(const Counted &counted, size_t layer, int64_t unit,
                  const std::vector<const uint8_t *> &pixels, const StripStyle &style, uint8_t *into,
                  size_t bytes);

} // namespace netdissect
