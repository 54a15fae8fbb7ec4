// The kernels for CUDA, run on the processor: their counts are the processor's path's, and those of a plain
// definition.
#include "cuda/kernels.h"
#include "random.h"
#include "store/hot_cells.h"
#include "tally/masks.h"
#include <doctest/doctest.h>
#include <limits>
#include <sstream>
#ifdef NETDISSECT_PLANTED
#include "planted.h"
#endif

using namespace netdissect;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

struct Shape {
  int cellRows, cellColumns, rows, columns;
  size_t items, images;
  size_t mostLabels;
  std::string kind;
  bool aligned = true; // else pixels lie on cells by a scale and an offset
};

/// Values of kinds that random.h has, and of others.
float cellOf(const std::string &kind, Random &random) {
  if (kind == "not finite") {
    const float some[] = {infinity, -infinity, notANumber, 1, -1, 0};
    return random.below(3) ? static_cast<float>(random.normal()) : some[random.below(6)];
  }
  if (kind == "cancelling") // an interpolated value can be over both of its cells
    return random.below(2) ? -1e8f : random.below(8) ? 5.3f : 9.0f;
  return valueOf(kind, random);
}

/// Maps, levels and labels at random.
struct Sample {
  Shape shape;
  Grid grid;
  std::vector<std::vector<float>> maps; // [items]
  std::vector<float> levels;
  std::vector<unsigned> image;
  std::vector<LabelPlanes> planes;                         // [images]
  std::vector<std::vector<std::vector<uint8_t>>> labelled; // image, label: [rows, columns]

  Sample(Shape of, uint64_t seed) : shape(std::move(of)), grid(gridOf(shape)) {
    Random random(seed);
    for (size_t b = 0; b < shape.images; b++) {
      LabelPlanes &p = planes.emplace_back();
      p.height = shape.rows;
      p.width = shape.columns;
      p.words = grid.words();
      const auto labels = shape.mostLabels
                              ? static_cast<size_t>(random.below(static_cast<int64_t>(shape.mostLabels) + 1))
                              : 0;
      for (size_t l = 0; l < labels || (b == 0 && l < shape.mostLabels); l++)
        p.labels.push_back(static_cast<uint16_t>(l * 3));
      p.bits.resize(static_cast<size_t>(p.height) * p.labels.size() * p.words);
      auto &own = labelled.emplace_back();
      for (size_t l = 0; l < p.labels.size(); l++) {
        auto &plane = own.emplace_back(static_cast<size_t>(p.height) * p.width);
        const int64_t sparse = 1 + random.below(9);
        for (int y = 0; y < p.height; y++)
          for (int x = 0; x < p.width; x++)
            if (random.below(sparse) == 0) {
              plane[static_cast<size_t>(y) * p.width + x] = 1;
              p.bits[(static_cast<size_t>(y) * p.labels.size() + l) * p.words + x / 64] |= uint64_t{1}
                                                                                           << x % 64;
            }
      }
    }
    for (size_t i = 0; i < shape.items; i++) {
      auto &map = maps.emplace_back(static_cast<size_t>(shape.cellRows) * shape.cellColumns);
      for (float &value : map)
        value = cellOf(shape.kind, random);
      const float some[] = {infinity, -infinity, notANumber,
                            map[random.below(static_cast<int64_t>(map.size()))]};
      levels.push_back(shape.kind == "cancelling" ? (random.below(2) ? 5.3f : 6.0f)
                       : random.below(2)          ? static_cast<float>(random.normal())
                                                  : some[random.below(12) ? 3 : random.below(4)]);
      image.push_back(static_cast<unsigned>(random.below(static_cast<int64_t>(shape.images))));
    }
  }

  static Grid gridOf(const Shape &s) {
    if (s.aligned)
      return {Axis::aligned(s.cellRows, s.rows), Axis::aligned(s.cellColumns, s.columns)};
    return {Axis(s.cellRows, s.rows, 10, 1e-7), Axis(s.cellColumns, s.columns, 3.7, -2.1)};
  }

  /// What a count has for each item: the mask's pixels, then those of each label.
  using Counts = std::vector<std::vector<unsigned>>;

  /// As the processor's path counts.
  Counts byProcessor() const {
    Counts counts;
    MaskBuilder builder(grid);
    for (size_t i = 0; i < maps.size(); i++) {
      const LabelPlanes &p = planes[image[i]];
      std::vector<uint32_t> some(p.labels.size());
      auto &item = counts.emplace_back(1, builder.build(maps[i].data(), levels[i]));
      countLabels(builder, p, some);
      item.insert(item.end(), some.begin(), some.end());
    }
    return counts;
  }

  /// Pixel by pixel, by the definition.
  Counts byDefinition() const {
    Counts counts;
    const auto place = [&](int t, int source, int target, double scale, double offset) {
      if (shape.aligned) { // centres of pixels
        scale = static_cast<double>(target) / source;
        offset = scale / 2 - 0.5;
      }
      const double c = (t - offset) / scale;
      return std::min(std::max(c, 0.0), source - 1.0);
    };
    for (size_t i = 0; i < maps.size(); i++) {
      const auto &own = labelled[image[i]];
      auto &item = counts.emplace_back(1 + own.size(), 0);
      for (int y = 0; y < shape.rows; y++)
        for (int x = 0; x < shape.columns; x++) {
          const double sy = place(y, shape.cellRows, shape.rows, 10, 1e-7);
          const double sx = place(x, shape.cellColumns, shape.columns, 3.7, -2.1);
          const int y0 = static_cast<int>(sy), x0 = static_cast<int>(sx);
          const int y1 = std::min(y0 + 1, shape.cellRows - 1), x1 = std::min(x0 + 1, shape.cellColumns - 1);
          const auto wy = static_cast<float>(sy - y0), wx = static_cast<float>(sx - x0);
          const auto cell = [&](int r, int c) {
            return maps[i][static_cast<size_t>(r) * shape.cellColumns + c];
          };
          const auto mix = [](float from, float to, float weight) { return from + weight * (to - from); };
          const float value =
              mix(mix(cell(y0, x0), cell(y0, x1), wx), mix(cell(y1, x0), cell(y1, x1), wx), wy);
          const float level = levels[i];
          const bool reads =
              cell(y0, x0) > level || cell(y0, x1) > level || cell(y1, x0) > level || cell(y1, x1) > level;
          if (!reads || !(value > level))
            continue;
          item[0]++;
          for (size_t l = 0; l < own.size(); l++)
            item[1 + l] += own[l][static_cast<size_t>(y) * shape.columns + x];
        }
    }
    return counts;
  }

  /// As the kernel counts.
  Counts byKernel(const Kernels &kernels, uint64_t seed) const {
    std::vector<float> flat;
    for (const auto &map : maps)
      flat.insert(flat.end(), map.begin(), map.end());
    std::vector<unsigned long long> countsAt, planesAt;
    std::vector<unsigned> labels, words;
    for (const LabelPlanes &p : planes) {
      planesAt.push_back(words.size());
      labels.push_back(static_cast<unsigned>(p.labels.size()));
      for (const uint64_t word : p.bits) {
        words.push_back(static_cast<unsigned>(word));
        words.push_back(static_cast<unsigned>(word >> 32));
      }
    }
    size_t size = 0;
    for (size_t i = 0; i < maps.size(); i++) {
      countsAt.push_back(size);
      size += planes[image[i]].labels.size();
    }
    Guarded<float> values(flat), level(levels), rowWeight(grid.y.weight), columnWeight(grid.x.weight);
    Guarded<unsigned> imageOf(image), labelsOf(labels), planeWords(words);
    Guarded<unsigned long long> countsFrom(countsAt), planesFrom(planesAt);
    Guarded<int> rowLow(grid.y.low), rowHigh(grid.y.high), columnLow(grid.x.low), columnHigh(grid.x.high);
    auto pixels = Guarded<unsigned>::output(maps.size()), counts = Guarded<unsigned>::output(size);
    CountArgs args{};
    args.maps = values.data();
    args.level = level.data();
    args.image = imageOf.data();
    args.countsAt = countsFrom.data();
    args.labels = labelsOf.data();
    args.planesAt = planesFrom.data();
    args.planes = planeWords.data();
    args.rowLow = rowLow.data();
    args.rowHigh = rowHigh.data();
    args.rowWeight = rowWeight.data();
    args.columnLow = columnLow.data();
    args.columnHigh = columnHigh.data();
    args.columnWeight = columnWeight.data();
    args.pixels = pixels.data();
    args.counts = counts.data();
    args.items = static_cast<unsigned>(maps.size());
    args.cells = shape.cellRows * shape.cellColumns;
    args.cellColumns = shape.cellColumns;
    args.rows = shape.rows;
    args.columns = shape.columns;
    args.rowWords = 2 * grid.words();
    kernels.runCount(args, seed);
    if (!pixels.intact() || !counts.intact())
      throw emulated::Misuse("the kernel wrote past its counts");
    Counts result;
    for (size_t i = 0; i < maps.size(); i++) {
      auto &item = result.emplace_back(1, pixels[i]);
      for (size_t l = 0; l < planes[image[i]].labels.size(); l++)
        item.push_back(counts[countsAt[i] + l]);
    }
    return result;
  }
};

/// What differs, or nothing.
std::string difference(const Sample::Counts &a, const Sample::Counts &b) {
  for (size_t i = 0; i < a.size(); i++)
    for (size_t k = 0; k < a[i].size(); k++)
      if (a[i][k] != b[i][k])
        return "item " + std::to_string(i) + (k ? ", label " + std::to_string(k - 1) : ", pixels") + ": " +
               std::to_string(a[i][k]) + ", not " + std::to_string(b[i][k]);
  return "";
}

const std::vector<Shape> shapes{
    {7, 7, 112, 112, 13, 2, 40, "normal"},        // in one part, more labels than lanes
    {13, 11, 50, 70, 21, 3, 6, "after a ReLU"},   // ragged, and warps without work
    {1, 1, 9, 40, 9, 2, 3, "normal"},             // one cell
    {1, 6, 33, 31, 10, 2, 33, "few values"},      // one row, ties with the level
    {5, 1, 31, 33, 10, 2, 32, "few values"},      // one column
    {6, 5, 64, 65, 40, 4, 3, "few values"},       // more items than blocks of eight
    {3, 4, 7, 5, 11, 2, 2, "not finite"},         // NaN and infinities
    {9, 9, 30, 66, 12, 2, 5, "not finite"},       //
    {4, 5, 24, 24, 10, 1, 0, "normal"},           // no labels
    {6, 6, 20, 20, 8, 2, 3, "all negative"},      // signed
    {8, 8, 19, 37, 16, 2, 4, "tiny and huge"},    //
    {5, 5, 12, 12, 6, 1, 2, "all equal"},         //
    {4, 4, 12, 12, 6, 1, 2, "both zeros"},        //
    {24, 30, 8, 9, 12, 2, 5, "normal"},           // more cells than pixels
    {14, 14, 99, 230, 9, 2, 3, "normal"},         // in several bands
    {2, 3, 2, 16384 + 70, 9, 2, 2, "normal"},     // a row wider than what is held: in tiles
    {2048, 2048, 20, 33, 2, 1, 2, "normal"},      // the most cells that a map may have
    {2, 2, 5, 4, 2048, 3, 2, "normal"},           // many units
    {6, 6, 44, 21, 24, 2, 3, "normal", false},    // by scale and offset
    {5, 5, 44, 21, 24, 2, 3, "cancelling", false} //
};

/// Everything that a text of the kernels gets wrong: the first thing, or nothing.
std::string faultOf(const Kernels &kernels, uint64_t seed) {
  try {
    // Records to maps: short runs, and longer ones than a record's run can be.
    for (const auto &[height, width] : {std::pair{3, 5}, {1, 1}, {9, 40}, {2, 1500}, {4, 64}}) {
      Random random(seed + static_cast<uint64_t>(width));
      HotCells cells(height, width);
      const size_t size = static_cast<size_t>(height) * width;
      constexpr unsigned items = 19;
      Words records;
      std::vector<unsigned long long> begin, end;
      std::vector<float> whole;
      for (unsigned i = 0; i < items; i++) {
        std::vector<float> map(size);
        for (float &value : map)
          value = valueOf(kinds[i % kinds.size()], random);
        begin.push_back(records.size());
        cells.encode(map.data(), i % 4 ? static_cast<float>(random.normal() + 1) : -2, records);
        if (records.size() == begin.back()) // nothing is hot: never asked for
          records.push_back(0);
        end.push_back(records.size());
        const float *decoded = cells.decode(records.data() + begin.back(), records.data() + end.back());
        whole.insert(whole.end(), decoded, decoded + size);
      }
      auto maps = Guarded<float>::output(items * size);
      Guarded<unsigned> words(records);
      Guarded<unsigned long long> first(begin), last(end);
      ExpandArgs args{words.data(), first.data(), last.data(), maps.data(), items, static_cast<int>(size)};
      kernels.runExpand(args, seed);
      if (!maps.intact())
        return "the kernel wrote past its maps";
      if (std::memcmp(maps.data(), whole.data(), whole.size() * sizeof(float)) != 0)
        return "maps of " + std::to_string(height) + "×" + std::to_string(width) +
               " differ from their records";
    }
    for (size_t s = 0; s < shapes.size(); s++) {
      const Sample sample(shapes[s], seed + s);
      const std::string what = difference(sample.byKernel(kernels, seed + s), sample.byProcessor());
      if (!what.empty())
        return shapes[s].kind + ", shape " + std::to_string(s) + ", " + what;
    }
  } catch (const emulated::Misuse &misuse) {
    return misuse.what();
  }
  return "";
}

const Kernels real{netdissectExpand, netdissectCount};

} // namespace

TEST_CASE(
    "the kernels' counts are those of the processor's path and of the definition, whatever the schedule") {
  for (size_t s = 0; s < shapes.size(); s++) {
    const Sample sample(shapes[s], 100 + s);
    CAPTURE(shapes[s].kind);
    CAPTURE(s);
    CHECK(difference(sample.byProcessor(), sample.byDefinition()) == "");
    size_t lit = 0;
    for (const auto &item : sample.byProcessor())
      lit += item[0] > 0;
    if (shapes[s].kind != "both zeros" && shapes[s].kind != "all negative" && shapes[s].kind != "all equal")
      CHECK(lit > 0);
  }
  for (const uint64_t seed : {1, 2, 3})
    CHECK(faultOf(real, seed) == "");
}

TEST_CASE("the kernels' counts are the processor's for shapes at random") {
  Random random(7);
  for (int round = 0; round < 40; round++) {
    const auto side = [&](int most) { return 1 + static_cast<int>(random.below(most)); };
    const Shape shape{side(20),
                      side(20),
                      side(70),
                      side(90),
                      static_cast<size_t>(side(12)),
                      static_cast<size_t>(side(3)),
                      static_cast<size_t>(random.below(70)),
                      kinds[random.below(static_cast<int64_t>(kinds.size()))],
                      random.below(3) > 0};
    const Sample sample(shape, 1000 + round);
    CAPTURE(round);
    CHECK(difference(sample.byKernel(real, round), sample.byProcessor()) == "");
    CHECK(difference(sample.byProcessor(), sample.byDefinition()) == "");
  }
}

#ifdef NETDISSECT_PLANTED
TEST_CASE("faults that are planted in the kernels are found") {
  for (const auto &[what, kernels] : planted) {
    CAPTURE(what);
    const std::string found = faultOf(kernels, 1);
    CHECK(found != "");
    if (std::getenv("NETDISSECT_SHOW_FAULTS"))
      MESSAGE(what << ": " << found);
  }
}
#endif
