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
  for (const LayerShape &layer : plan.layers)
    tallies.emplace_back(layer.units, plan.options.labels);
  constexpr int64_t some = 64; // images at once
  for (size_t begin = 0, end; begin < store.blocks(); begin = end) {
    if (stopping || plan.progress.cancelled)
      throw aborted();
    int64_t count = 0;
    for (end = begin; end < store.blocks() && count < some; end++)
      count += store.images(end).count;
    const int64_t first = store.images(begin).first;
    std::vector<LabelPlanes> planes(count);
    parallelFor(count, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const Words record = store.labelsOf(partner[first + i]);
        planes[i] = LabelPlanes(Segmentation(record.data()));
      }
    });
    const LabelledImages labelled(std::move(planes), plan.options.labels);
    countBlocks(plan, store, counted.layers, begin, end, labelled, tallies);
  }
  return tallies;
}

} // namespace netdissect
