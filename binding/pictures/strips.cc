#include "pictures/strips.h"
#include "base/failure.h"
#include "store/hot_cells.h"
#include <algorithm>

namespace netdissect {

namespace {

enum MaskIndex : uint8_t { outside = 0, inside = 1, border = 2, between = 3 };
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

template <class Action> void forEachBit(const uint64_t *row, int width, Action action) {
  for (int w = 0; w * 64 < width; w++)
    for (uint64_t left = row[w]; left; left &= left - 1)
      if (const int x = w * 64 + __builtin_ctzll(left); x < width)
        action(x);
}

/// The palette indices `[height, width]` of what lies under the pixels' middles, the label with the fewest
/// pixels of the image on top. No more than a row of a map is unpacked at once: it may be much larger than
/// the picture. `areas` are the pixels of each label present. A label's colour is that of its number.
std::vector<uint8_t> labelIndices(const Segmentation &segmentation, const Words &areas,
                                  const LabelTable &table, unsigned colors, int height, int width) {
  const size_t count = segmentation.labels.size();
  std::vector<uint16_t> byArea(count), order(count + 1, 0); // order[i]: how far on top label i - 1 is
  for (size_t l = 0; l < count; l++)
    byArea[l] = static_cast<uint16_t>(l);
  std::stable_sort(byArea.begin(), byArea.end(), [&](size_t a, size_t b) {
    return areas[a] != areas[b] ? areas[a] > areas[b] : a > b; // labels are ascending
  });
  std::vector<uint8_t> color(count + 1, noLabel);
  for (size_t place = 0; place < count; place++) {
    order[byArea[place] + 1] = static_cast<uint16_t>(place + 1);
    color[place + 1] =
        static_cast<uint8_t>(firstLabel + (table.numbers[segmentation.labels[byArea[place]]] - 1) % colors);
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

/// 30 % of each byte, rounded.
void darken(const uint8_t *__restrict from, uint8_t *__restrict to, int count) {
  for (int i = 0; i < count; i++)
    to[i] = static_cast<uint8_t>((from[i] * 3 + 5) / 10);
}

/// Makes scanlines of PNG's filter 2, the difference to the row above: rows that are alike become zeros.
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
  const auto refuse = [](const std::string &message) { throw Failure("ERR_NETDISSECT_USAGE", message); };
  const DissectionOptions &options = counted.plan->options;
  const ImageStore &store = *counted.store;
  if (index >= counted.layers.size())
    refuse("there is no layer " + std::to_string(index));
  const LayerShape &shape = counted.plan->layers[index];
  const LevelledLayer &layer = counted.layers[index];
  const int height = static_cast<int>(options.height), width = static_cast<int>(options.width);
  const int gap = style.gap;
  const bool labelled = store.hasLabels();
  if (unit < 0 || unit >= shape.units || !store.hasMasks())
    refuse("there is no unit " + std::to_string(unit) + " with masks");
  const std::vector<TopImage> &ranked = layer.top->of(unit);
  const auto images = static_cast<int64_t>(std::min(pixels.size(), ranked.size()));
  const Strips strips = layOutStrips(images, height, width, gap, labelled);
  const int64_t rgbRow = strips.width * 3, segRow = 1 + strips.width, maskRow = 1 + (strips.width + 3) / 4;
  if (bytes < static_cast<size_t>(strips.seg.end))
    refuse("the strips take " + std::to_string(strips.seg.end) + " bytes, not " + std::to_string(bytes));
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
  HotCells cells(shape.height, shape.width);
  const Grid grid = counted.plan->geometry(shape).grid(height, width);
  MaskBuilder builder(grid);
  for (int64_t i = 0; i < images; i++) {
    const Words hot = store.hotOf(index, unit, ranked[i].image);
    builder.build(cells.decode(hot.data(), hot.data() + hot.size()), layer.thresholds[unit]);
    BitImage lit(height, width);
    for (int y = builder.begin(); y < builder.end(); y++)
      std::copy_n(builder.row(y), lit.words, lit.row(y));
    const BitImage wide = widened(widened(lit));
    const int64_t left = i * (width + gap);
    for (int y = 0; y < height; y++) {
      const uint8_t *from = pixels[i] + static_cast<size_t>(y) * width * 3;
      std::copy_n(from, width * 3, orig + y * rgbRow + left * 3);
      uint8_t *to = top + y * rgbRow + left * 3;
      darken(from, to, width * 3);
      forEachBit(wide.row(y), width, [&](int x) {
        const bool in = lit.row(y)[x / 64] >> x % 64 & 1;
        std::copy_n(in ? from + x * 3 : style.border.data(), 3, to + x * 3);
        place(y, left + x, in ? inside : border);
      });
    }
    if (!labelled)
      continue;
    const Words record = store.labelsOf(ranked[i].image);
    const Segmentation segmentation(record.data());
    const std::vector<uint8_t> labels = labelIndices(segmentation, store.areasOf(ranked[i].image),
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
