#include "run/levelled.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include <algorithm>

namespace netdissect {

Levelled::Levelled(std::shared_ptr<Plan> plan, std::vector<LevelledLayer> layers,
                   std::unique_ptr<ImageStore> store)
    : plan_(std::move(plan)), layers_(std::move(layers)), store_(std::move(store)),
      labels_(plan_->options.labels.size()), categories_(plan_->options.labels.categories) {
  for (const LayerShape &layer : plan_->layers)
    tallies_.emplace_back(layer.units, plan_->options.labels).sumSquares();
}

Thresholds thresholdsOf(const std::vector<LevelledLayer> &layers) {
  Thresholds thresholds;
  for (const LevelledLayer &layer : layers)
    thresholds.push_back(&layer.thresholds);
  return thresholds;
}

void countBlocks(const Plan &plan, const ImageStore &store, const Thresholds &thresholds, size_t begin,
                 size_t end, const LabelledImages &labelled, std::vector<LayerTally> &tallies) {
  std::vector<int64_t> sizes;
  for (size_t b = begin; b < end; b++)
    sizes.push_back(store.images(b).count);
  std::vector<MapGeometry> geometries;
  for (const LayerShape &layer : plan.layers)
    geometries.push_back(plan.geometry(layer));
  std::vector<LayerCount> counts;
  for (size_t l = 0; l < thresholds.size(); l++) {
    std::vector<BlockView> hot;
    for (size_t b = begin; b < end; b++)
      hot.push_back(store.hot(b, l));
    counts.push_back({geometries[l], *thresholds[l], std::move(hot), tallies[l]});
  }
  plan.backend->count(labelled, sizes, counts);
}

int64_t Levelled::counted() const {
  if (!counted_)
    return 0;
  const ImageRange last = store_->images(counted_ - 1);
  return last.first + last.count;
}

void Levelled::count(int64_t wanted) {
  const Stopwatch watch(plan_->profile.count);
  const size_t begin = counted_;
  size_t end = begin;
  // Everything of some blocks in two parallel steps: the label planes of all images, then all units of all
  // layers.
  std::vector<BlockView> records;
  std::vector<const uint32_t *> images;
  while (store_->hasLabels() && end < store_->blocks() &&
         static_cast<int64_t>(images.size()) < std::max<int64_t>(1, wanted)) {
    records.push_back(store_->labels(end));
    for (int64_t i = 0; i < store_->images(end).count; i++)
      images.push_back(records.back().begin(i));
    end++;
  }
  std::vector<LabelPlanes> planes(images.size());
  std::vector<std::vector<uint32_t>> areas(images.size());
  parallelFor(static_cast<int64_t>(images.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      planes[i] = LabelPlanes(Segmentation(images[i]));
      areas[i] = planes[i].areas();
    }
  });
  for (size_t i = 0; i < planes.size(); i++)
    for (size_t l = 0; l < areas[i].size(); l++) {
      LabelCount &label = labels_[planes[i].labels[l]];
      label.images++;
      label.pixels += areas[i][l];
      label.squares += static_cast<double>(areas[i][l]) * areas[i][l];
    }
  auto area = areas.begin();
  for (size_t b = begin; b < end; b++) {
    const auto next = area + store_->images(b).count;
    store_->setAreas(b, {area, next});
    area = next;
  }
  const LabelledImages labelled(std::move(planes), plan_->options.labels, std::move(areas));
  for (size_t i = 0; i < labelled.planes.size(); i++)
    for (const int32_t category : labelled.categories[i]) {
      categories_[category].images++;
      categories_[category].pixels += int64_t{labelled.planes[i].height} * labelled.planes[i].width;
    }
  countBlocks(*plan_, *store_, thresholdsOf(layers_), begin, end, labelled, tallies_);
  counted_ = end;
}

Counted Levelled::finish() && {
  return {std::move(plan_),    std::move(layers_), std::move(store_),
          std::move(tallies_), std::move(labels_), std::move(categories_)};
}

const ImageMaxima &Counted::maxima(size_t layer) const {
  if (!layers.at(layer).maxima)
    throw Failure("ERR_NETDISSECT_USAGE", "largest activations of the images were not kept");
  return *layers[layer].maxima;
}

LayerResult Counted::result(size_t index) const {
  const LayerShape &shape = plan->layers[index];
  const LevelledLayer &layer = layers[index];
  LayerResult result;
  static_cast<LayerShape &>(result) = shape;
  result.levels = layer.levels;
  result.estimated = layer.estimated;
  result.rankError = static_cast<double>(layer.rankError) / static_cast<double>(plan->values(shape));
  for (int64_t unit = 0; unit < shape.units; unit++)
    for (const TopImage &top : layer.top->of(unit)) {
      result.topImages.push_back(static_cast<int32_t>(top.image));
      result.topActivations.push_back(top.activation);
    }
  result.categoryPixels = transposed(tallies[index].categoryPixels, shape.units);
  result.intersections = transposed(tallies[index].intersections, shape.units);
  const LayerTally &tally = tallies[index];
  const auto count = static_cast<int64_t>(labels.size()), units = shape.units;
  const int64_t categories = plan->options.labels.categories;
  for (std::vector<double> *sums : {&result.intersectionSquares, &result.products, &result.unionSquares})
    sums->resize(tally.squares.size());
  for (int64_t unit = 0; unit < units; unit++)
    for (int64_t l = 0; l < count; l++) {
      const Squares &sums = tally.squares[unit * count + l];
      const int32_t category = plan->options.labels.category[l];
      // U = a + l - i
      const size_t at = l * units + unit;
      result.intersectionSquares[at] = sums.intersection;
      result.products[at] = sums.product - sums.intersection;
      result.unionSquares[at] = labels[l].squares + tally.maskSquares[unit * categories + category] +
                                2 * (tally.crossProducts[unit * count + l] - sums.product) +
                                sums.intersection;
    }
  return result;
}

} // namespace netdissect
