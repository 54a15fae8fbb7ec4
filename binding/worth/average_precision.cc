#include "worth/average_precision.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "worth/recount.h"
#include <algorithm>
#include <numeric>

namespace netdissect {

namespace {

/// What is on each image, and on how many.
struct Presence {
  std::vector<std::vector<uint16_t>> labels;    // of each image, codes
  std::vector<std::vector<int32_t>> categories; // of each image
  std::vector<double> withLabel, withCategory;  // how many images
};

Presence presenceOf(const Counted &counted, const std::atomic<bool> &stopping) {
  const LabelTable &table = counted.plan->options.labels;
  Presence presence;
  presence.withLabel.resize(table.size());
  presence.withCategory.resize(table.categories);
  forEachBlocks(counted, stopping, [&](size_t, size_t, int64_t first, int64_t count) {
    for (int64_t image = first; image < first + count; image++) {
      const Words record = counted.store->labelsOf(image);
      presence.labels.push_back(Segmentation(record.data()).labels);
      presence.categories.push_back(categoriesOf(presence.labels.back(), table));
      for (const uint16_t code : presence.labels.back())
        presence.withLabel[code]++;
      for (const int32_t category : presence.categories.back())
        presence.withCategory[category]++;
    }
  });
  return presence;
}

} // namespace

std::vector<double> averagePrecision(const Counted &counted, size_t layer,
                                     const std::atomic<bool> &stopping) {
  const LabelTable &table = counted.plan->options.labels;
  const ImageMaxima &maxima = counted.maxima(layer);
  const Presence presence = presenceOf(counted, stopping);
  const int64_t units = counted.plan->layers[layer].units;
  const size_t images = presence.labels.size(), labels = table.size();
  std::vector<double> result(labels * units);
  parallelFor(units, 1, [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> order(images);
    for (int64_t unit = begin; unit < end; unit++) {
      if (stopping || counted.plan->progress.cancelled)
        throw aborted();
      const float *largest = maxima.of(unit);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return largest[a] > largest[b]; });
      std::vector<double> seenLabel(labels), seenCategory(table.categories), before(labels);
      std::vector<uint16_t> touched; // labels on images of the same activation
      for (size_t first = 0, last; first < images; first = last) {
        touched.clear();
        for (last = first; last < images && largest[order[last]] == largest[order[first]]; last++) {
          for (const int32_t category : presence.categories[order[last]])
            seenCategory[category]++;
          for (const uint16_t code : presence.labels[order[last]]) {
            if (seenLabel[code] == before[code])
              touched.push_back(code);
            seenLabel[code]++;
          }
        }
        for (const uint16_t code : touched) {
          const double precision = seenLabel[code] / seenCategory[table.category[code]];
          result[code * units + unit] += (seenLabel[code] - before[code]) * precision;
          before[code] = seenLabel[code];
        }
      }
      for (size_t code = 0; code < labels; code++)
        if (const double with = presence.withLabel[code]; with < presence.withCategory[table.category[code]])
          result[code * units + unit] /= std::max(1.0, with);
        else
          result[code * units + unit] = 0;
    }
  });
  return result;
}

} // namespace netdissect
