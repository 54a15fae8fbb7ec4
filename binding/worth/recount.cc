#include "worth/recount.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "run/narrow.h"
#include "tally/masks.h"
#include <algorithm>
#include <limits>

namespace netdissect {

void forEachBlocks(const Counted &counted, const std::atomic<bool> &stopping,
                   const std::function<void(size_t, size_t, int64_t, int64_t)> &visit) {
  const ImageStore &store = *counted.store;
  if (!store.hasLabels())
    throw Failure("ERR_NETDISSECT_USAGE", "nothing was counted against labels");
  // at once: so many images, and so many pixels of label maps
  constexpr int64_t some = 64, mostPixels = int64_t{1} << 23;
  for (size_t begin = 0, end; begin < store.blocks(); begin = end) {
    if (stopping || counted.plan->progress.cancelled)
      throw aborted();
    int64_t count = 0, pixels = 0;
    for (end = begin; end < store.blocks() && count < some && pixels < mostPixels; end++) {
      count += store.images(end).count;
      pixels += store.pixels(end);
    }
    visit(begin, end, store.images(begin).first, count);
  }
}

std::vector<LabelPlanes> planesOf(const ImageStore &store, int64_t first, int64_t count,
                                  const std::vector<uint32_t> *partner) {
  std::vector<LabelPlanes> planes(count);
  parallelFor(count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const Words record = store.labelsOf(partner ? (*partner)[first + i] : first + i);
      planes[i] = LabelPlanes(Segmentation(record.data()));
    }
  });
  return planes;
}

static std::vector<BlockView> hotOf(const ImageStore &store, size_t layer, size_t from, size_t to) {
  std::vector<BlockView> hot;
  for (size_t block = from; block < to; block++)
    hot.push_back(store.hot(block, layer));
  return hot;
}

void forEachMask(const Counted &counted, const std::atomic<bool> &stopping, size_t layer, int64_t first,
                 int64_t last, size_t from, size_t to, const std::function<std::pair<int, int>(size_t)> &size,
                 const std::function<void(int64_t, size_t, const MaskBuilder &, uint32_t)> &see) {
  const ImageStore &store = *counted.store;
  const MapGeometry geometry = counted.plan->geometry(counted.plan->layers[layer]);
  const std::vector<float> &thresholds = counted.layers[layer].thresholds;
  const std::vector<BlockView> hot = hotOf(store, layer, from, to);
  parallelFor(last - first, 8, [&](int64_t head, int64_t tail) {
    LayerMasks masks(geometry);
    for (int64_t unit = first + head; unit < first + tail; unit++) {
      if (stopping || counted.plan->progress.cancelled)
        throw aborted();
      for (size_t block = from, image = 0; block < to; block++) {
        const int64_t inBlock = store.images(block).count;
        const BlockView &kept = hot[block - from];
        for (int64_t i = 0; i < inBlock; i++, image++) {
          const auto [height, width] = size(image);
          const auto record = static_cast<size_t>(unit * inBlock + i);
          if (height == 0)
            continue;
          if (const MaskBuilder *mask =
                  masks.read(kept.begin(record), kept.end(record), thresholds[unit], height, width))
            see(unit, image, *mask, masks.pixels());
        }
      }
    }
  });
}

std::vector<LayerTally> countPaired(const Counted &counted, const std::vector<uint32_t> &partner,
                                    const std::atomic<bool> &stopping) {
  const Plan &plan = *counted.plan;
  const auto images = static_cast<size_t>(plan.options.images);
  if (partner.size() != images ||
      std::any_of(partner.begin(), partner.end(), [&](uint32_t image) { return image >= images; }))
    throw Failure("ERR_NETDISSECT_USAGE", "every image needs another one of the data set");
  std::vector<LayerTally> tallies;
  for (const LayerShape &layer : plan.layers)
    tallies.emplace_back(layer.units, plan.options.labels);
  const ImageStore &store = *counted.store;
  forEachBlocks(counted, stopping, [&](size_t begin, size_t end, int64_t first, int64_t count) {
    const LabelledImages labelled(planesOf(store, first, count, &partner), plan.options.labels);
    countBlocks(plan, store, thresholdsOf(counted.layers), begin, end, labelled, tallies);
  });
  return tallies;
}

std::vector<std::optional<NarrowLayer>> countNarrow(const Counted &counted, double quantile,
                                                    const std::atomic<bool> &stopping) {
  const Plan &plan = *counted.plan;
  const DissectionOptions &options = plan.options;
  std::vector<std::optional<NarrowLayer>> layers(plan.layers.size());
  std::vector<std::vector<float>> thresholds(plan.layers.size());
  std::vector<LayerTally> tallies;
  Thresholds all;
  for (size_t l = 0; l < plan.layers.size(); l++) {
    const LayerShape &shape = plan.layers[l];
    tallies.emplace_back(shape.units, options.labels);
    // where nothing is known of a layer no value is over its thresholds
    thresholds[l].assign(shape.units, std::numeric_limits<float>::infinity());
    all.push_back(&thresholds[l]);
    const QuantileRank wide(plan.values(shape), options.quantile), rank(plan.values(shape), quantile);
    if (rank.fromTop >= wide.fromTop)
      continue;
    layers[l].emplace().levels = narrowLevels(*counted.store, l, counted.layers[l], rank, options.memory / 2,
                                              [&] { return stopping || plan.progress.cancelled; });
    for (int64_t unit = 0; unit < shape.units; unit++)
      thresholds[l][unit] = thresholdOf(layers[l]->levels[unit]);
  }
  const ImageStore &store = *counted.store;
  forEachBlocks(counted, stopping, [&](size_t begin, size_t end, int64_t first, int64_t count) {
    const LabelledImages labelled(planesOf(store, first, count), options.labels);
    countBlocks(plan, store, all, begin, end, labelled, tallies);
  });
  for (size_t l = 0; l < layers.size(); l++)
    if (layers[l])
      layers[l]->tally.emplace(std::move(tallies[l]));
  return layers;
}

} // namespace netdissect
