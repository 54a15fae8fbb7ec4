#include "backend/backend.h"
#include "backend/unit_maps.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "store/hot_cells.h"
#include "tally/masks.h"
#include <algorithm>
#include <mutex>

namespace netdissect {

namespace {

/// Records made by different threads for consecutive ranges of units, put together in order.
class Gathered {
public:
  void add(int64_t begin, Words ends, Words words) {
    const std::lock_guard<std::mutex> lock(mutex_);
    parts_.push_back({begin, std::move(ends), std::move(words)});
  }
  void into(Block &block) {
    std::sort(parts_.begin(), parts_.end(), [](const Part &a, const Part &b) { return a.begin < b.begin; });
    size_t ends = 0, words = 0;
    for (const Part &part : parts_) {
      ends += part.ends.size();
      words += part.words.size();
    }
    if (words > UINT32_MAX)
      throw Failure("ERR_NETDISSECT_OPTION", "too many activations in one forward; lower forwardSize");
    block.ends.reserve(ends);
    block.words.reserve(words);
    for (const Part &part : parts_) {
      const auto base = static_cast<uint32_t>(block.words.size());
      for (const uint32_t end : part.ends)
        block.ends.push_back(base + end);
      block.words.insert(block.words.end(), part.words.begin(), part.words.end());
    }
  }

private:
  struct Part {
    int64_t begin;
    Words ends, words;
  };
  std::mutex mutex_;
  std::vector<Part> parts_;
};

class CpuBackend : public Backend {
public:
  void bin(const UnitBatch &units, RadixBins &bins) const override {
    const size_t cells = static_cast<size_t>(units.height) * units.width;
    parallelFor(units.units, 1, [&](int64_t begin, int64_t end) {
      UnitMaps maps(units);
      maps.forEach(begin, end, [&](int64_t unit) {
        for (int64_t i = 0; i < units.count; i++)
          bins.observe({unit, 0, maps.map(i, unit), cells, {}}); // whatever the image
      });
    });
  }

  std::optional<BadValue> select(const UnitBatch &units, int64_t firstImage, Tail &tail, TopImages &top,
                                 ImageMaxima *maxima, Block *hot) const override {
    const Kernels &k = kernels();
    const int64_t images = units.count;
    const size_t cells = static_cast<size_t>(units.height) * units.width;
    Gathered gathered;
    std::mutex mutex;
    std::optional<BadValue> bad;
    parallelFor(units.units, 1, [&](int64_t begin, int64_t end) {
      HotCells encoder(units.height, units.width);
      std::vector<uint8_t> live(images); // which maps have a value over the bound
      Words ends, words;
      ends.reserve(images * (end - begin));
      UnitMaps maps(units);
      maps.forEach(begin, end, [&](int64_t unit) {
        for (int64_t i = 0; i < images; i++) {
          const float *values = maps.map(i, unit);
          const UnitMap map{unit, firstImage + i, values, cells, k.scan(values, cells, tail.bound(unit))};
          live[i] = map.scan.finite && map.scan.over > 0;
          if (!map.scan.finite) {
            const std::lock_guard<std::mutex> lock(mutex);
            if (!bad || map.image < bad->image || (map.image == bad->image && unit < bad->unit))
              bad = {map.image, unit};
            continue;
          }
          top.observe(map);
          if (maxima)
            maxima->observe(map);
          tail.observe(map);
        }
        if (!hot)
          return;
        for (int64_t i = 0; i < images; i++) {
          if (live[i])
            encoder.encode(maps.map(i, unit), tail.bound(unit), words);
          ends.push_back(static_cast<uint32_t>(words.size()));
        }
      });
      gathered.add(begin, std::move(ends), std::move(words));
    });
    if (hot && !bad)
      gathered.into(*hot);
    return bad;
  }

  void count(const LabelledImages &images, const std::vector<int64_t> &sizes,
             std::vector<LayerCount> &layers) const override {
    std::vector<int64_t> ends; // of the layers' units in the sequence of all units
    for (const LayerCount &layer : layers)
      ends.push_back((ends.empty() ? 0 : ends.back()) + layer.tally.units);
    parallelFor(ends.empty() ? 0 : ends.back(), 8, [&](int64_t first, int64_t last) {
      for (size_t l = 0; l < layers.size(); l++) {
        const int64_t start = ends[l] - layers[l].tally.units;
        const int64_t from = std::max(first, start) - start, to = std::min(last, ends[l]) - start;
        if (from < to)
          countUnits(from, to, images, sizes, layers[l]);
      }
    });
  }

private:
  static void countUnits(int64_t firstUnit, int64_t lastUnit, const LabelledImages &images,
                         const std::vector<int64_t> &sizes, LayerCount &layer) {
    LayerMasks masks(layer.geometry);
    std::vector<uint32_t> counts(images.mostLabels);
    LayerTally &tally = layer.tally;
    size_t first = 0;
    for (size_t block = 0; block < sizes.size(); first += sizes[block++])
      for (int64_t unit = firstUnit; unit < lastUnit; unit++)
        for (int64_t i = 0; i < sizes[block]; i++) {
          const LabelPlanes &p = images.planes[first + i];
          if (p.labels.empty())
            continue;
          const size_t record = static_cast<size_t>(unit * sizes[block] + i);
          const MaskBuilder *mask = masks.read(layer.hot[block].begin(record), layer.hot[block].end(record),
                                               layer.thresholds[unit], p.height, p.width);
          if (!mask)
            continue;
          countLabels(*mask, p, counts);
          tally.add(unit, images, first + i, masks.pixels(), counts.data());
        }
  }
};

} // namespace

std::unique_ptr<Backend> cpuBackend() { return std::make_unique<CpuBackend>(); }

} // namespace netdissect
