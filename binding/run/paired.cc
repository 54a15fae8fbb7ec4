#include "run/paired.h"
#include "base/failure.h"
#include "base/parallel.h"
#include <algorithm>

namespace netdissect {

std::vector<LayerTally> countPaired(const Counted &counted, const std::vector<uint32_t> &partner,
                                    const std::atomic<bool> &stopping) {
  const Plan &plan = *counted.plan;
  const ImageStore &store = *counted.store;
  const auto images = static_cast<size_t>(plan.options.images);
  if (!store.hasLabels())
    throw Failure("ERR_NETDISSECT_USAGE", "nothing was counted against labels");
  if (partner.size() != images ||
      std::any_of(partner.begin(), partner.end(), [&](uint32_t image) { return image >= images; }))
    throw Failure("ERR_NETDISSECT_USAGE", "every image needs another one of the data set");
  std::vector<LayerTally> tallies;
  std::vector<MapGeometry> geometries;
  for (const LayerShape &layer : plan.layers) {
    tallies.emplace_back(layer.units, plan.options.labels);
    geometries.push_back(plan.geometry(layer));
  }
  constexpr int64_t some = 64; // images at once
  for (size_t begin = 0, end; begin < store.blocks(); begin = end) {
    if (stopping || plan.progress.cancelled)
      throw Failure("ABORT_ERR", "the dissection was aborted");
    std::vector<int64_t> sizes;
    int64_t count = 0;
    for (end = begin; end < store.blocks() && count < some; end++) {
      sizes.push_back(store.images(end).count);
      count += sizes.back();
    }
    const int64_t first = store.images(begin).first;
    std::vector<LabelPlanes> planes(count);
    parallelFor(count, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const Words record = store.labelsOf(partner[first + i]);
        planes[i] = LabelPlanes(Segmentation(record.data()));
      }
    });
    const LabelledImages labelled(std::move(planes), plan.options.labels);
    std::vector<LayerCount> layers;
    for (size_t l = 0; l < tallies.size(); l++) {
      std::vector<BlockView> hot;
      for (size_t b = begin; b < end; b++)
        hot.push_back(store.hot(b, l));
      layers.push_back({geometries[l], counted.layers[l].thresholds, std::move(hot), tallies[l]});
    }
    plan.backend->count(labelled, sizes, layers);
  }
  return tallies;
}

} // namespace netdissect
