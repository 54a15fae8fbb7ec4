#include "pictures/strips.h"
#include "base/failure.h"
#include "pictures/drawing.h"
#include <algorithm>

namespace netdissect {

namespace {

/// 30 % of each byte, rounded.
void darken(const uint8_t *__restrict from, uint8_t *__restrict to, int count) {
  for (int i = 0; i < count; i++)
    to[i] = static_cast<uint8_t>((from[i] * 3 + 5) / 10);
}

} // namespace

Strips layOutStrips(int64_t images, int64_t height, int64_t width, int gap, bool labelled) {
  Strips strips;
  strips.height = height;
  strips.width = images * width + std::max<int64_t>(0, images - 1) * gap;
  const int64_t rgbRow = strips.width * 3, segRow = 1 + strips.width, maskRow = 1 + (strips.width + 3) / 4;
  strips.top = {0, height * rgbRow};
  strips.orig = {strips.top.end, strips.top.end + height * rgbRow};
  strips.mask = {strips.orig.end, strips.orig.end + height * maskRow};
  strips.seg = {strips.mask.end, strips.mask.end + (labelled ? height * segRow : 0)};
  return strips;
}

Strips drawStrips(const Counted &counted, size_t index, int64_t unit,
                  const std::vector<const uint8_t *> &pixels, const StripStyle &style, uint8_t *into,
                  size_t bytes) {
  const DissectionOptions &options = counted.plan->options;
  const ImageStore &store = *counted.store;
  DrawnMasks masks(counted, index, unit);
  const int height = static_cast<int>(options.height), width = static_cast<int>(options.width);
  const int gap = style.gap;
  const bool labelled = store.hasLabels();
  const int64_t images = std::min(static_cast<int64_t>(pixels.size()), masks.images());
  const Strips strips = layOutStrips(images, height, width, gap, labelled);
  const int64_t rgbRow = strips.width * 3, segRow = 1 + strips.width, maskRow = 1 + (strips.width + 3) / 4;
  if (bytes < static_cast<size_t>(strips.seg.end))
    throw Failure("ERR_NETDISSECT_USAGE", "the strips take " + std::to_string(strips.seg.end) +
                                              " bytes, not " + std::to_string(bytes));
  uint8_t *top = into, *orig = into + strips.orig.begin, *mask = into + strips.mask.begin,
          *seg = into + strips.seg.begin;
  // Four pixels to a byte, the leftmost in the highest bits.
  const auto place = [&](int y, int64_t x, MaskIndex value) {
    mask[y * maskRow + 1 + x / 4] |= static_cast<uint8_t>(value << (6 - x % 4 * 2));
  };
  std::fill_n(mask, height * maskRow, uint8_t{0}); // outside
  for (int64_t i = 1; i < images; i++)
    for (int y = 0; y < height; y++) {
      const int64_t left = i * (width + gap) - gap;
      std::fill_n(top + y * rgbRow + left * 3, gap * 3, uint8_t{255});
      std::fill_n(orig + y * rgbRow + left * 3, gap * 3, uint8_t{255});
      for (int64_t x = left; x < left + gap; x++)
        place(y, x, between);
      if (labelled)
        std::fill_n(seg + y * segRow + 1 + left, gap, uint8_t{labelBetween});
    }
  for (int64_t i = 0; i < images; i++) {
    const auto [lit, wide] = masks.draw(i);
    const int64_t left = i * (width + gap);
    for (int y = 0; y < height; y++) {
      const uint8_t *from = pixels[i] + static_cast<size_t>(y) * width * 3;
      std::copy_n(from, width * 3, orig + y * rgbRow + left * 3);
      uint8_t *to = top + y * rgbRow + left * 3;
      darken(from, to, width * 3);
      const uint64_t *litRow = lit.row(y);
      forEachBit(wide.row(y), width, [&](int x) {
        const bool in = litRow[x / 64] >> x % 64 & 1;
        std::copy_n(in ? from + x * 3 : style.border.data(), 3, to + x * 3);
        place(y, left + x, in ? inside : border);
      });
    }
    if (!labelled)
      continue;
    const Words record = store.labelsOf(masks.image(i));
    const Segmentation segmentation(record.data());
    const std::vector<uint8_t> labels = labelIndices(segmentation, store.areasOf(masks.image(i)),
                                                     options.labels, style.labelColors, height, width);
    for (int y = 0; y < height; y++)
      std::copy_n(labels.data() + static_cast<size_t>(y) * width, width, seg + y * segRow + 1 + left);
  }
  filterUp(mask, height, maskRow);
  if (labelled)
    filterUp(seg, height, segRow);
  return strips;
}

} // namespace netdissect
