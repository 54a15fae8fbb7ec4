#include "worth/recount.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "run/narrow.h"
#include "tally/masks.h"
#include <algorithm>
#include <limits>
#include <map>

namespace netdissect {

/// Images at once, and pixels of their label maps.
static constexpr int64_t someImages = 64, mostPixels = int64_t{1} << 23;

void forEachBlocks(const Counted &counted, const std::atomic<bool> &stopping,
                   const std::function<void(size_t, size_t, int64_t, int64_t)> &visit, int64_t maps) {
  const ImageStore &store = *counted.store;
  if (!store.hasLabels())
    throw Failure("ERR_NETDISSECT_USAGE", "nothing was counted against labels");
  for (size_t begin = 0, end; begin < store.blocks(); begin = end) {
    if (stopping || counted.plan->progress.cancelled)
      throw aborted();
    int64_t count = 0, pixels = 0;
    for (end = begin; end < store.blocks() && maps * count < someImages && maps * pixels < mostPixels;
         end++) {
      count += store.images(end).count;
      pixels += store.pixels(end);
    }
    visit(begin, end, store.images(begin).first, count);
  }
}

static LabelPlanes planesOf(const ImageStore &store, int64_t image) {
  return LabelPlanes(Segmentation(store.labelsOf(image).data()));
}

std::vector<LabelPlanes> planesOf(const ImageStore &store, int64_t first, int64_t count) {
  std::vector<LabelPlanes> planes(count);
  parallelFor(count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      planes[i] = planesOf(store, first + i);
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

/// The label planes of some images of one size as those of one image.
static LabelPlanes stacked(std::vector<LabelPlanes> all) {
  if (all.size() == 1)
    return std::move(all[0]);
  LabelPlanes stack;
  stack.height = all[0].height;
  stack.width = all[0].width;
  stack.words = all[0].words;
  for (const LabelPlanes &planes : all)
    stack.labels.insert(stack.labels.end(), planes.labels.begin(), planes.labels.end());
  stack.bits.reserve(static_cast<size_t>(stack.height) * stack.labels.size() * stack.words);
  for (int y = 0; y < stack.height; y++)
    for (const LabelPlanes &planes : all)
      stack.bits.insert(stack.bits.end(), planes.row(y), planes.row(y) + planes.labels.size() * planes.words);
  return stack;
}

/// Labels and categories `times` over, as so many different ones each.
static LabelTable repeated(const LabelTable &table, size_t times) {
  LabelTable all;
  all.numbers.resize(times * table.size()); // none has a number
  all.categories = static_cast<int>(times) * table.categories;
  for (size_t p = 0; p < times; p++)
    for (const int32_t category : table.category)
      all.category.push_back(static_cast<int32_t>(p) * table.categories + category);
  return all;
}

/// Of rows of units, each of `times` parts, the parts `p`.
static void takePart(const std::vector<int64_t> &rows, size_t p, size_t times, int64_t units,
                     std::vector<int64_t> &parts) {
  const size_t size = parts.size() / static_cast<size_t>(std::max<int64_t>(1, units));
  for (size_t i = 0; i < parts.size(); i++)
    parts[i] = rows[(i / size * times + p) * size + i % size];
}

/// The label planes of some of an image's partners, a stack for each of their sizes. `partners` is [p,
/// images]; partner p's labels are the p-th part of repeated labels.
static std::vector<LabelPlanes> stacksOf(const ImageStore &store, const std::vector<uint32_t> &partners,
                                         size_t images, size_t labels, size_t image, size_t from, size_t to) {
  std::map<std::pair<int, int>, std::vector<LabelPlanes>> bySize;
  for (size_t p = from; p < to; p++) {
    LabelPlanes planes = planesOf(store, partners[p * images + image]);
    for (uint16_t &label : planes.labels)
      label = static_cast<uint16_t>(label + p * labels);
    if (!planes.labels.empty())
      bySize[{planes.height, planes.width}].push_back(std::move(planes));
  }
  std::vector<LabelPlanes> stacks;
  for (auto &[size, alike] : bySize)
    stacks.push_back(stacked(std::move(alike)));
  return stacks;
}

std::vector<std::vector<LayerTally>> countPaired(const Counted &counted,
                                                 const std::vector<uint32_t> &partners,
                                                 const std::atomic<bool> &stopping) {
  const Plan &plan = *counted.plan;
  const LabelTable &labels = plan.options.labels;
  const auto images = static_cast<size_t>(plan.options.images);
  if (partners.empty() || partners.size() % images ||
      std::any_of(partners.begin(), partners.end(), [&](uint32_t image) { return image >= images; }))
    throw Failure("ERR_NETDISSECT_USAGE", "every image needs another one of the data set");
  const size_t times = partners.size() / images;
  if (times * labels.size() > size_t{1} << 16)
    throw Failure("ERR_NETDISSECT_USAGE", "labels are counted " +
                                              std::to_string((size_t{1} << 16) / labels.size()) +
                                              " times over at most");
  const LabelTable all = repeated(labels, times);
  std::vector<LayerTally> sums;
  for (const LayerShape &layer : plan.layers)
    sums.emplace_back(layer.units, all);
  const ImageStore &store = *counted.store;
  const auto countSome = [&](size_t begin, size_t end, int64_t first, int64_t count, size_t from, size_t to) {
    std::vector<std::vector<LabelPlanes>> stacks(count); // of each image
    parallelFor(count, 1, [&](int64_t head, int64_t tail) {
      for (int64_t i = head; i < tail; i++)
        stacks[i] =
            stacksOf(store, partners, images, labels.size(), static_cast<size_t>(first + i), from, to);
    });
    for (size_t round = 0;; round++) {
      if (stopping || plan.progress.cancelled)
        throw aborted();
      std::vector<LabelPlanes> planes(count);
      bool any = false;
      for (int64_t i = 0; i < count; i++)
        if (round < stacks[i].size()) {
          planes[i] = std::move(stacks[i][round]);
          any = true;
        }
      if (!any)
        return;
      const LabelledImages labelled(std::move(planes), all);
      countBlocks(plan, store, thresholdsOf(counted.layers), begin, end, labelled, sums);
    }
  };
  const auto visit = [&](size_t begin, size_t end, int64_t first, int64_t count) {
    // fewer where one block alone has large label maps
    int64_t pixels = 1;
    for (size_t block = begin; block < end; block++)
      pixels += store.pixels(block);
    const auto some = static_cast<size_t>(std::max<int64_t>(1, mostPixels / pixels));
    for (size_t from = 0; from < times; from += some)
      countSome(begin, end, first, count, from, std::min(times, from + some));
  };
  forEachBlocks(counted, stopping, visit, static_cast<int64_t>(times));
  std::vector<std::vector<LayerTally>> tallies(times);
  for (size_t p = 0; p < times; p++)
    for (const LayerTally &sum : sums) {
      LayerTally &own = tallies[p].emplace_back(sum.units, labels);
      takePart(sum.categoryPixels, p, times, sum.units, own.categoryPixels);
      takePart(sum.intersections, p, times, sum.units, own.intersections);
    }
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
