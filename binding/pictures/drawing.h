// What strips and sheets of pictures are drawn with.
#pragma once
#include "run/levelled.h"
#include "store/hot_cells.h"
#include "store/segmentation.h"
#include <cstdint>
#include <vector>

namespace netdissect {

/// Palette indices of a mask: 0 outside, 1 inside, 2 the border; 3 between the images of a strip.
enum MaskIndex : uint8_t { outside = 0, inside = 1, border = 2, between = 3 };
/// Palette indices of labels: 0 for none, 1 between the images of a strip, then colours.
constexpr unsigned noLabel = 0, labelBetween = 1, firstLabel = 2;

/// Rows of bits: bit x % 64 of word x / 64.
struct BitImage {
  int height, words;
  std::vector<uint64_t> bits;
  BitImage(int height, int width)
      : height(height), words((width + 63) / 64), bits(static_cast<size_t>(height) * words) {}
  uint64_t *row(int y) { return bits.data() + static_cast<size_t>(y) * words; }
  const uint64_t *row(int y) const { return bits.data() + static_cast<size_t>(y) * words; }
};

template <class Action> void forEachBit(const uint64_t *row, int width, Action action) {
  for (int w = 0; w * 64 < width; w++)
    for (uint64_t left = row[w]; left; left &= left - 1)
      if (const int x = w * 64 + __builtin_ctzll(left); x < width)
        action(x);
}

/// The masks of a unit as they are drawn: by the rule by which they are counted, on the images' own pixels.
class DrawnMasks {
public:
  /// Refuses, with `ERR_NETDISSECT_USAGE`, a layer or unit that is not there or has no masks.
  DrawnMasks(const Counted &counted, size_t layer, int64_t unit);

  /// How many images the unit has.
  int64_t images() const { return static_cast<int64_t>(ranked_->size()); }
  uint32_t image(int64_t rank) const { return static_cast<uint32_t>((*ranked_)[rank].image); }

  /// The mask on the image of a rank, and the mask with the border of two pixels around it.
  struct Mask {
    BitImage lit, wide;
  };
  Mask draw(int64_t rank);

private:
  const Counted &counted_;
  size_t layer_;
  int64_t unit_;
  const std::vector<TopImage> *ranked_ = nullptr;
  HotCells cells_;
  Grid grid_;
  MaskBuilder builder_;
};

/// The palette indices `[height, width]` of what lies under the pixels' middles, the label with the fewest
/// pixels of the image on top. No more than a row of a map is unpacked at once: it may be much larger than
/// the picture. `areas` are the pixels of each label present. A label's colour is that of its number. Of one
/// category alone, unless it is -1.
std::vector<uint8_t> labelIndices(const Segmentation &segmentation, const Words &areas,
                                  const LabelTable &table, unsigned colors, int height, int width,
                                  int32_t category = -1);

/// Makes scanlines of PNG's filter 2, the difference to the row above: rows that are alike become zeros.
void filterUp(uint8_t *rows, int64_t height, int64_t row);

} // namespace netdissect
