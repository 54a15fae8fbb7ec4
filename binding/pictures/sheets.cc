#include "pictures/sheets.h"
#include "base/failure.h"
#include "pictures/drawing.h"
#include <algorithm>
#include <array>
#include <string>

namespace netdissect {

void drawMaskSheet(const Counted &counted, size_t layer, int64_t unit, uint8_t *to, size_t bytes) {
  DrawnMasks masks(counted, layer, unit);
  const DissectionOptions &options = counted.plan->options;
  const int height = static_cast<int>(options.height), width = static_cast<int>(options.width);
  const int64_t row = 1 + (width + 3) / 4, count = static_cast<int64_t>(bytes) / (height * row);
  if (count > masks.images() || static_cast<size_t>(count * height * row) != bytes)
    throw Failure("ERR_NETDISSECT_USAGE", "expected memory for at most " + std::to_string(masks.images()) +
                                              " masks of " + std::to_string(height * row) +
                                              " bytes but found " + std::to_string(bytes) + " bytes");
  std::fill_n(to, bytes, uint8_t{0});
  for (int64_t i = 0; i < count; i++) {
    const auto [lit, wide] = masks.draw(i);
    for (int y = 0; y < height; y++, to += row) {
      const uint64_t *litRow = lit.row(y);
      forEachBit(wide.row(y), width, [&](int x) {
        const MaskIndex value = litRow[x / 64] >> x % 64 & 1 ? inside : border;
        to[1 + x / 4] |= static_cast<uint8_t>(value << (6 - x % 4 * 2));
      });
    }
  }
}

/// Rows of a filter byte and a byte an index, in place as rows of `depth` bits an index, the leftmost
/// highest.
static void pack(std::vector<uint8_t> &rows, int64_t width, int depth) {
  const int64_t perByte = 8 / depth, row = 1 + width, packed = 1 + (width + perByte - 1) / perByte,
                height = static_cast<int64_t>(rows.size()) / row;
  for (int64_t y = 0; y < height; y++) {
    const uint8_t *from = rows.data() + y * row;
    uint8_t *to = rows.data() + y * packed; // never after what it is made of
    *to++ = *from++;
    for (int64_t x = 0; x < width; x += perByte) {
      unsigned byte = 0;
      for (int64_t i = x; i < x + perByte; i++)
        byte = byte << depth | (i < width ? from[i] : 0u);
      *to++ = static_cast<uint8_t>(byte);
    }
  }
  rows.resize(static_cast<size_t>(height * packed));
}

LabelSheet drawLabelSheet(const Counted &counted, int64_t image, unsigned labelColors) {
  const DissectionOptions &options = counted.plan->options;
  const ImageStore &store = *counted.store;
  if (image < 0 || image >= options.images || !store.hasLabels())
    throw Failure("ERR_NETDISSECT_USAGE", "there is no image " + std::to_string(image) + " with labels");
  LabelSheet sheet;
  const Words record = store.labelsOf(image);
  const Segmentation segmentation(record.data());
  if (segmentation.labels.empty())
    return sheet;
  const LabelTable &table = options.labels;
  for (const uint16_t code : segmentation.labels) {
    sheet.labels.push_back(table.numbers[code]);
    sheet.categories.push_back(table.category[code]);
  }
  std::sort(sheet.categories.begin(), sheet.categories.end());
  sheet.categories.erase(std::unique(sheet.categories.begin(), sheet.categories.end()),
                         sheet.categories.end());
  const int height = static_cast<int>(std::min<int64_t>(segmentation.height, options.height)),
            width = static_cast<int>(std::min<int64_t>(segmentation.width, options.width));
  sheet.height = height;
  sheet.width = width;
  const Words areas = store.areasOf(image);
  const size_t row = 1 + static_cast<size_t>(width);
  sheet.scanlines.resize(sheet.categories.size() * height * row);
  std::array<uint8_t, 256> place{}; // in the palette, of a colour
  uint8_t *to = sheet.scanlines.data();
  for (const int32_t category : sheet.categories) {
    const std::vector<uint8_t> indices =
        labelIndices(segmentation, areas, table, labelColors, height, width, category);
    for (int y = 0; y < height; y++, to += row)
      for (int x = 0; x < width; x++) {
        const uint8_t color = indices[static_cast<size_t>(y) * width + x];
        if (color >= firstLabel && place[color] == 0) {
          sheet.colors.push_back(static_cast<uint8_t>(color - firstLabel));
          place[color] = static_cast<uint8_t>(sheet.colors.size());
        }
        to[1 + x] = place[color];
      }
  }
  sheet.depth = 1;
  while (sheet.colors.size() >> sheet.depth > 0)
    sheet.depth *= 2;
  pack(sheet.scanlines, width, sheet.depth);
  return sheet;
}

} // namespace netdissect
