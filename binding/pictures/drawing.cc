#include "pictures/drawing.h"
#include "base/failure.h"
#include <algorithm>
#include <string>

namespace netdissect {

namespace {

/// The pixels set and their neighbours above, below, left and right. Bits past the width may come out set.
BitImage widened(const BitImage &image) {
  BitImage out = image;
  for (int y = 0; y < image.height; y++) {
    const uint64_t *row = image.row(y);
    for (int w = 0; w < image.words; w++)
      out.row(y)[w] |= row[w] << 1 | row[w] >> 1 | (w > 0 ? row[w - 1] >> 63 : 0) |
                       (w + 1 < image.words ? row[w + 1] << 63 : 0) | (y > 0 ? image.row(y - 1)[w] : 0) |
                       (y + 1 < image.height ? image.row(y + 1)[w] : 0);
  }
  return out;
}

[[noreturn]] void refuse(const std::string &message) { throw Failure("ERR_NETDISSECT_USAGE", message); }

const LayerShape &shapeOf(const Counted &counted, size_t layer) {
  if (layer >= counted.layers.size())
    refuse("there is no layer " + std::to_string(layer));
  return counted.plan->layers[layer];
}

} // namespace

DrawnMasks::DrawnMasks(const Counted &counted, size_t layer, int64_t unit)
    : counted_(counted), layer_(layer), unit_(unit),
      cells_(shapeOf(counted, layer).height, shapeOf(counted, layer).width),
      grid_(counted.plan->geometry(shapeOf(counted, layer))
                .grid(static_cast<int>(counted.plan->options.height),
                      static_cast<int>(counted.plan->options.width))),
      builder_(grid_) {
  if (unit < 0 || unit >= shapeOf(counted, layer).units || !counted.store->hasMasks())
    refuse("there is no unit " + std::to_string(unit) + " with masks");
  ranked_ = &counted.layers[layer].top->of(unit);
}

DrawnMasks::Mask DrawnMasks::draw(int64_t rank) {
  const DissectionOptions &options = counted_.plan->options;
  const Words hot = counted_.store->hotOf(layer_, unit_, (*ranked_)[rank].image);
  builder_.build(cells_.decode(hot.data(), hot.data() + hot.size()),
                 counted_.layers[layer_].thresholds[unit_]);
  BitImage lit(static_cast<int>(options.height), static_cast<int>(options.width));
  for (int y = builder_.begin(); y < builder_.end(); y++)
    std::copy_n(builder_.row(y), lit.words, lit.row(y));
  BitImage wide = widened(widened(lit));
  return {std::move(lit), std::move(wide)};
}

std::vector<uint8_t> labelIndices(const Segmentation &segmentation, const Words &areas,
                                  const LabelTable &table, unsigned colors, int height, int width,
                                  int32_t category) {
  const size_t count = segmentation.labels.size();
  std::vector<uint16_t> byArea(count), order(count + 1, 0); // order[i]: how far on top label i - 1 is
  for (size_t l = 0; l < count; l++)
    byArea[l] = static_cast<uint16_t>(l);
  std::stable_sort(byArea.begin(), byArea.end(), [&](size_t a, size_t b) {
    return areas[a] != areas[b] ? areas[a] > areas[b] : a > b; // labels are ascending
  });
  std::vector<uint8_t> color(count + 1, noLabel);
  for (size_t place = 0; place < count; place++) {
    const uint16_t code = segmentation.labels[byArea[place]];
    if (category >= 0 && table.category[code] != category)
      continue;
    order[byArea[place] + 1] = static_cast<uint16_t>(place + 1);
    color[place + 1] = static_cast<uint8_t>(firstLabel + (table.numbers[code] - 1) % colors);
  }
  std::vector<int> column(width);
  for (int x = 0; x < width; x++)
    column[x] = static_cast<int>((x + 0.5) * segmentation.width / width);
  const auto length = static_cast<size_t>(segmentation.width);
  std::vector<uint16_t> row(length), top(width);
  std::vector<uint8_t> out(static_cast<size_t>(height) * width);
  size_t last = SIZE_MAX;
  for (int y = 0; y < height; y++) {
    uint8_t *to = out.data() + static_cast<size_t>(y) * width;
    const auto from = static_cast<size_t>((y + 0.5) * segmentation.height / height);
    if (from == last) {
      std::copy_n(to - width, width, to);
      continue;
    }
    last = from;
    std::fill(top.begin(), top.end(), uint16_t{0});
    for (size_t m = 0; m < segmentation.maps; m++) {
      segmentation.unpack(m, row.data(), from * length, length);
      for (int x = 0; x < width; x++)
        top[x] = std::max(top[x], order[row[column[x]]]);
    }
    for (int x = 0; x < width; x++)
      to[x] = color[top[x]];
  }
  return out;
}

void filterUp(uint8_t *rows, int64_t height, int64_t row) {
  constexpr uint8_t none = 0, up = 2;
  for (int64_t y = height - 1; y > 0; y--) {
    uint8_t *__restrict below = rows + y * row;
    const uint8_t *__restrict above = below - row;
    for (int64_t x = 1; x < row; x++)
      below[x] = static_cast<uint8_t>(below[x] - above[x]);
    below[0] = up;
  }
  rows[0] = none;
}

} // namespace netdissect
