#include "pictures/sheets.h"
#include "base/failure.h"
#include "pictures/drawing.h"
#include <algorithm>
#include <array>
#include <string>

namespace netdissect {

std::vector<uint8_t> drawMaskSheet(const Counted &counted, size_t layer, int64_t unit, int64_t images) {
  DrawnMasks masks(counted, layer, unit);
  const DissectionOptions &options = counted.plan->options;
  const int height = static_cast<int>(options.height), width = static_cast<int>(options.width);
  const int64_t count = std::min(images, masks.images()), row = 1 + (width + 3) / 4;
  std::vector<uint8_t> sheet(static_cast<size_t>(count * height * row), 0);
  for (int64_t i = 0; i < count; i++) {
    const auto [lit, wide] = masks.draw(i);
    for (int y = 0; y < height; y++) {
      uint8_t *to = sheet.data() + (i * height + y) * row + 1;
      const uint64_t *litRow = lit.row(y);
      forEachBit(wide.row(y), width, [&](int x) {
        const MaskIndex value = litRow[x / 64] >> x % 64 & 1 ? inside : border;
        to[x / 4] |= static_cast<uint8_t>(value << (6 - x % 4 * 2));
      });
    }
  }
  return sheet;
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
  return sheet;
}

} // namespace netdissect
