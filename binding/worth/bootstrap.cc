#include "worth/bootstrap.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "tally/masks.h"
#include "worth/poisson.h"
#include "worth/recount.h"
#include <algorithm>
#include <cmath>

namespace netdissect {

ImageWeights::ImageWeights(const Bootstrap &bootstrap, int64_t first, int64_t count)
    : replicates_(bootstrap.replicates), weights_(count * bootstrap.replicates) {
  parallelFor(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      poissonWeights(bootstrap.seed, static_cast<uint64_t>(first + i), replicates_,
                     weights_.data() + i * replicates_);
  });
}

Interval intervalOf(std::vector<double> &values) {
  const auto percentile = [&](double part) {
    const double place = part * static_cast<double>(values.size() - 1);
    const auto index = static_cast<int64_t>(std::floor(place));
    const auto at = values.begin() + index;
    std::nth_element(values.begin(), at, values.end());
    const double lower = *at;
    const double upper = at + 1 == values.end() ? lower : *std::min_element(at + 1, values.end());
    return lower + (place - static_cast<double>(index)) * (upper - lower);
  };
  return {percentile(0.025), percentile(0.975)};
}

namespace {

/// A unit's choices, and sums over the images so far, a row of replicates each.
struct UnitSums {
  std::vector<int32_t> codes;      // of the choices, without those that are none
  std::vector<size_t> places;      // of each among the unit's choices
  std::vector<int32_t> categories; // that they count in
  std::vector<double> masks;       // [categories, replicates]: pixels of masks
  std::vector<double> both;        // [choices, replicates]: pixels of mask and label

  UnitSums(const int32_t *choices, size_t most, const LabelTable &labels, size_t replicates) {
    for (size_t k = 0; k < most; k++)
      if (choices[k] >= 0) {
        codes.push_back(choices[k]);
        places.push_back(k);
        categories.push_back(labels.category[choices[k]]);
      }
    std::sort(categories.begin(), categories.end());
    categories.erase(std::unique(categories.begin(), categories.end()), categories.end());
    masks.resize(categories.size() * replicates);
    both.resize(codes.size() * replicates);
  }
};

/// Some labels, and their pixels over the images so far.
struct LabelSums {
  std::vector<int32_t> codes;
  std::vector<double> pixels; // [codes, replicates]

  LabelSums(const std::vector<UnitSums> &units, size_t replicates) {
    for (const UnitSums &unit : units)
      codes.insert(codes.end(), unit.codes.begin(), unit.codes.end());
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    pixels.resize(codes.size() * replicates);
  }
  /// The row of a label; null where it is none of them.
  double *row(int32_t code, size_t replicates) {
    const auto at = std::lower_bound(codes.begin(), codes.end(), code);
    return at == codes.end() || *at != code ? nullptr : pixels.data() + (at - codes.begin()) * replicates;
  }
};

/// What is the same for all units.
struct Resampling {
  const LabelTable &table;
  size_t replicates;
};

/// Adds one image: the masks of its record, against its labels.
void addImage(const Resampling &all, const MaskBuilder &mask, uint32_t maskPixels, const LabelPlanes &planes,
              const std::vector<int32_t> &present, const uint8_t *weights, UnitSums &unit) {
  for (size_t c = 0; c < unit.categories.size(); c++)
    if (std::binary_search(present.begin(), present.end(), unit.categories[c]))
      kernels().addWeighted(weights, maskPixels, unit.masks.data() + c * all.replicates, all.replicates);
  std::vector<uint32_t> counts(planes.labels.size());
  countLabels(mask, planes, counts);
  for (size_t k = 0; k < unit.codes.size(); k++) {
    const auto code = static_cast<uint16_t>(unit.codes[k]);
    const auto at = std::lower_bound(planes.labels.begin(), planes.labels.end(), code);
    if (at == planes.labels.end() || *at != code)
      continue;
    if (const uint32_t both = counts[at - planes.labels.begin()])
      kernels().addWeighted(weights, both, unit.both.data() + k * all.replicates, all.replicates);
  }
}

/// Puts what a unit's sums say into its rows of the result.
void conclude(const Resampling &all, const UnitSums &unit, LabelSums &labels, Interval *intervals,
              int32_t *wins) {
  std::vector<double> best(all.replicates), scores(all.replicates);
  std::vector<int32_t> winner(all.replicates, -1);
  for (size_t k = 0; k < unit.codes.size(); k++) {
    const int32_t code = unit.codes[k];
    const auto category =
        std::lower_bound(unit.categories.begin(), unit.categories.end(), all.table.category[code]) -
        unit.categories.begin();
    const double *masks = unit.masks.data() + category * all.replicates;
    const double *both = unit.both.data() + k * all.replicates;
    const double *pixels = labels.row(code, all.replicates);
    for (size_t b = 0; b < all.replicates; b++) {
      const double either = masks[b] + pixels[b] - both[b];
      scores[b] = either > 0 ? both[b] / either : 0;
      const bool tie = winner[b] >= 0 && scores[b] == best[b] && code < unit.codes[winner[b]];
      if (scores[b] > best[b] || tie) {
        best[b] = scores[b];
        winner[b] = static_cast<int32_t>(k);
      }
    }
    intervals[unit.places[k]] = intervalOf(scores);
  }
  for (const int32_t k : winner)
    if (k >= 0)
      wins[unit.places[k]]++;
}

} // namespace

Resampled resample(const Counted &counted, size_t layer, const std::vector<int32_t> &choices,
                   const Bootstrap &bootstrap, const std::atomic<bool> &stopping) {
  const Plan &plan = *counted.plan;
  const ImageStore &store = *counted.store;
  const LayerShape &shape = plan.layers.at(layer);
  const Resampling all{plan.options.labels, bootstrap.replicates};
  const size_t most = choices.size() / static_cast<size_t>(std::max<int64_t>(1, shape.units));
  const auto labels = static_cast<int64_t>(all.table.size());
  if (all.replicates < 1 || choices.size() != most * shape.units ||
      std::any_of(choices.begin(), choices.end(), [&](int32_t code) { return code >= labels; }))
    throw Failure("ERR_NETDISSECT_USAGE", "every unit needs as many choices of labels");
  Resampled result;
  result.intervals.resize(choices.size());
  result.wins.resize(choices.size());
  // As many units at once as the memory takes.
  const auto bytes = static_cast<int64_t>(2 * std::max<size_t>(most, 1) * all.replicates * sizeof(double));
  const int64_t some = std::max<int64_t>(1, plan.options.memory / 2 / bytes);
  for (int64_t begin = 0; begin < shape.units; begin += some) {
    std::vector<UnitSums> units;
    for (int64_t unit = begin; unit < std::min(begin + some, shape.units); unit++)
      units.emplace_back(choices.data() + unit * most, most, all.table, all.replicates);
    LabelSums sums(units, all.replicates);
    forEachBlocks(counted, stopping, [&](size_t from, size_t to, int64_t first, int64_t count) {
      const ImageWeights weights(bootstrap, first, count);
      const LabelledImages images(planesOf(store, first, count), all.table);
      for (int64_t i = 0; i < count; i++) {
        const LabelPlanes &planes = images.planes[i];
        const Words areas = store.areasOf(first + i);
        for (size_t l = 0; l < planes.labels.size(); l++)
          if (double *row = sums.row(planes.labels[l], all.replicates))
            kernels().addWeighted(weights.of(i), areas[l], row, all.replicates);
      }
      const auto size = [&](size_t i) {
        const LabelPlanes &planes = images.planes[i];
        return planes.labels.empty() ? std::pair(0, 0) : std::pair(planes.height, planes.width);
      };
      forEachMask(counted, stopping, layer, begin, begin + static_cast<int64_t>(units.size()), from, to, size,
                  [&](int64_t unit, size_t i, const MaskBuilder &mask, uint32_t pixels) {
                    addImage(all, mask, pixels, images.planes[i], images.categories[i],
                             weights.of(static_cast<int64_t>(i)), units[unit - begin]);
                  });
    });
    parallelFor(static_cast<int64_t>(units.size()), 1, [&](int64_t head, int64_t tail) {
      for (int64_t u = head; u < tail; u++)
        conclude(all, units[u], sums, result.intervals.data() + (begin + u) * most,
                 result.wins.data() + (begin + u) * most);
    });
  }
  return result;
}

} // namespace netdissect
