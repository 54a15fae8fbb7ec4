#include "run/pass.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include <algorithm>

namespace netdissect {

void Pass::observe(const Batch &batch, const std::atomic<bool> &stopping) {
  const DissectionOptions &options = plan_->options;
  Progress &progress = plan_->progress;
  const Images &all = batch.images;
  const auto refuse = [](const std::string &message) { throw Failure("ERR_NETDISSECT_USAGE", message); };
  if (batch.first != progress.observed)
    refuse("image " + std::to_string(progress.observed.load()) + " comes next, not " +
           std::to_string(batch.first));
  check(batch);
  if (batch.first + all.count > options.images)
    refuse("more images were observed than the " + std::to_string(options.images) + " announced");
  if (all.count % options.piece && batch.first + all.count < options.images)
    refuse("batches must be of whole pieces of " + std::to_string(options.piece) +
           " images, but for the last");
  for (int64_t begin = 0; begin < all.count; begin += options.piece) {
    if (stopping || progress.cancelled)
      throw aborted();
    const int64_t count = std::min(options.piece, all.count - begin);
    std::vector<UnitBatch> units;
    {
      const Stopwatch watch(plan_->profile.forward);
      units = runPiece(*source_, options, all, begin, count);
    }
    if (stopping || progress.cancelled) // what the batch lies in may be gone
      throw aborted();
    look(std::move(units), batch, begin, count);
    progress.observed += count;
  }
}

void Pass::checkShape(const LayerShape &layer, const UnitBatch &units) const {
  if (units.units != layer.units || units.height != layer.height || units.width != layer.width)
    throw Failure("ERR_NETDISSECT_LAYER",
                  "layer '" + layer.name + "' changes its output's shape from image to image");
}

void Pass::requireAll() const {
  if (plan_->progress.observed != plan_->options.images)
    throw Failure("ERR_NETDISSECT_USAGE", std::to_string(plan_->progress.observed.load()) +
                                              " images were observed, not the " +
                                              std::to_string(plan_->options.images) + " announced");
}

Bounding::Bounding(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> all,
                   std::unique_ptr<UnitSource> some, std::vector<LayerValues> values,
                   std::vector<std::unique_ptr<RadixBins>> bins)
    : Pass(std::move(plan), std::move(some)), all_(std::move(all)), values_(std::move(values)),
      bins_(std::move(bins)) {}

void Bounding::look(std::vector<UnitBatch> units, const Batch &, int64_t, int64_t) {
  const Stopwatch watch(plan_->profile.select);
  auto next = units.begin();
  for (size_t l = 0; l < bins_.size(); l++)
    if (bins_[l]) {
      checkShape(plan_->layers[l], *next);
      if (!values_[l].tail)
        plan_->backend->bin(*next, *bins_[l]);
      next++;
    }
}

bool Bounding::next() {
  // Layers with more bits to a pass wait as tails for the others.
  bool more = false;
  for (size_t l = 0; l < bins_.size(); l++)
    if (bins_[l] && !values_[l].tail) {
      if (bins_[l]->next())
        more = true;
      else
        values_[l].tail = std::make_unique<RadixTail>(std::move(*bins_[l]));
    }
  plan_->progress.observed = 0;
  return more;
}

Observing Bounding::finish() && { return {std::move(plan_), std::move(all_), std::move(values_)}; }

Observing::Observing(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> source,
                     std::vector<LayerValues> values)
    : Pass(std::move(plan), std::move(source)), values_(std::move(values)),
      store_(std::make_unique<ImageStore>(std::vector<MapShape>(plan_->layers.begin(), plan_->layers.end()),
                                          plan_->options.memory, plan_->options.spillFolder)) {}

void Observing::check(const Batch &batch) const {
  if (store_->blocks() && batch.segmentations.empty() == store_->hasLabels())
    throw Failure("ERR_NETDISSECT_USAGE", "either all batches have segmentations or none");
  if (!batch.segmentations.empty() && !plan_->options.keepMasks)
    throw Failure("ERR_NETDISSECT_USAGE", "segmentations are for dissections that keep masks");
}

void Observing::look(std::vector<UnitBatch> units, const Batch &batch, int64_t begin, int64_t count) {
  const int64_t first = batch.first + begin;
  ImageBlock block;
  block.images = {first, count};
  {
    const Stopwatch watch(plan_->profile.select);
    for (size_t l = 0; l < units.size(); l++) {
      const LayerShape &layer = plan_->layers[l];
      checkShape(layer, units[l]);
      Block *hot = plan_->options.keepMasks ? &block.hot.emplace_back() : nullptr;
      const auto bad = plan_->backend->select(units[l], first, *values_[l].tail, *values_[l].top,
                                              values_[l].maxima.get(), hot);
      if (bad)
        throw Failure("ERR_NETDISSECT_ACTIVATION",
                      "layer '" + layer.name + "', unit " + std::to_string(bad->unit) +
                          ": a NaN or infinite activation on image " + std::to_string(bad->image),
                      bad->image);
      units[l] = {};
    }
  }
  if (!batch.segmentations.empty()) {
    const Stopwatch watch(plan_->profile.pack);
    block.labels = pack(batch, begin, count);
    for (int64_t i = begin; i < begin + count; i++)
      block.pixels += int64_t{batch.segmentations[i].height} * batch.segmentations[i].width;
  }
  store_->add(std::move(block), [&](size_t layer, int64_t unit) { return values_[layer].tail->bound(unit); });
}

Block Observing::pack(const Batch &batch, int64_t begin, int64_t count) const {
  std::vector<Words> records(count);
  parallelFor(count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      packSegmentation(batch.segmentations[begin + i], plan_->options.labels, records[i]);
  });
  Block block;
  size_t words = 0;
  for (const Words &record : records)
    words += record.size();
  block.words.reserve(words);
  for (const Words &record : records) {
    block.words.insert(block.words.end(), record.begin(), record.end());
    block.ends.push_back(static_cast<uint32_t>(block.words.size()));
  }
  return block;
}

Levelled Observing::finish() && {
  std::vector<LevelledLayer> layers(values_.size());
  for (size_t l = 0; l < layers.size(); l++) {
    const Tail &tail = *values_[l].tail;
    const int64_t units = plan_->layers[l].units;
    layers[l].levels.resize(units);
    layers[l].thresholds.resize(units);
    parallelFor(units, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; unit++) {
        layers[l].levels[unit] = tail.level(unit);
        layers[l].thresholds[unit] = thresholdOf(layers[l].levels[unit]);
      }
    });
    layers[l].estimated = values_[l].estimated;
    for (int64_t unit = 0; unit < units; unit++)
      layers[l].rankError = std::max(layers[l].rankError, tail.rankError(unit));
    layers[l].top = std::move(values_[l].top);
    layers[l].maxima = std::move(values_[l].maxima);
    values_[l].tail.reset();
  }
  return {std::move(plan_), std::move(layers), std::move(store_)};
}

} // namespace netdissect
