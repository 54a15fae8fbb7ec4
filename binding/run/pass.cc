#include "run/pass.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include "run/narrow.h"
#include "statistics/read_tail.h"
#include <algorithm>
#include <limits>

namespace netdissect {

void Pass::observe(const Batch &batch, const std::atomic<bool> &stopping) {
  const DissectionOptions &options = plan_->options;
  Progress &progress = plan_->progress;
  const Images &all = batch.images;
  const auto refuse = [](const std::string &message) { throw Failure("ERR_NETDISSECT_USAGE", message); };
  const int64_t next = options.first + progress.observed;
  if (batch.first != next)
    refuse("image " + std::to_string(next) + " comes next, not " + std::to_string(batch.first));
  check(batch);
  if (batch.first + all.count > options.end)
    refuse("more images were observed than the " + std::to_string(options.end - options.first) +
           " announced");
  if (all.count % options.piece && batch.first + all.count < options.end)
    refuse("batches must be of whole pieces of " + std::to_string(options.piece) +
           " images, but for the last");
  for (int64_t begin = 0, count; begin < all.count; begin += count) {
    if (stopping || progress.cancelled)
      throw aborted();
    count = std::min(plan_->piece, all.count - begin);
    std::vector<UnitBatch> units;
    try {
      const Stopwatch watch(plan_->profile.forward);
      units = runPiece(*source_, options, all, begin, count, plan_->piece);
    } catch (const OutOfDeviceMemory &) {
      count = 0;
      if (letGo())
        continue;
      if (plan_->piece == 1)
        throw;
      plan_->piece /= 2;
      plan_->notices.add("the GPU's memory is short: images pass " + std::to_string(plan_->piece) +
                         " at once from image " + std::to_string(batch.first + begin) + " on");
      continue;
    }
    if (stopping || progress.cancelled) // what the batch lies in may be gone
      throw aborted();
    look(std::move(units), batch, begin, count);
    progress.observed += count;
    // at whole pieces, where a run that goes on begins
    if (plan_->keeper && plan_->keeper->due() && (begin + count) % options.piece == 0)
      keep(false);
  }
}

void Pass::keep(bool done) const {
  if (!plan_->keeper)
    return;
  const Stopwatch watch(plan_->profile.keep);
  KeptState state;
  state.pass = plan_->pass;
  state.observing = last();
  state.done = done;
  state.first = plan_->options.first;
  state.end = plan_->options.end;
  state.observed = plan_->progress.observed;
  state.piece = plan_->piece;
  plan_->keeper->checkpoint(std::move(state), [this](Writer &out) { save(out); });
}

void Pass::checkShape(const LayerShape &layer, const UnitBatch &units) const {
  if (units.units != layer.units || units.height != layer.height || units.width != layer.width)
    throw Failure("ERR_NETDISSECT_LAYER",
                  "layer '" + layer.name + "' changes its output's shape from image to image");
}

void Pass::requireAll() const {
  const int64_t announced = plan_->options.end - plan_->options.first;
  if (plan_->progress.observed != announced)
    throw Failure("ERR_NETDISSECT_USAGE", std::to_string(plan_->progress.observed.load()) +
                                              " images were observed, not the " + std::to_string(announced) +
                                              " announced");
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
  plan_->pass++;
  return more;
}

void Bounding::save(Writer &out) const {
  for (size_t l = 0; l < bins_.size(); l++)
    if (bins_[l]) {
      const bool tail = values_[l].tail != nullptr;
      out.put(static_cast<uint8_t>(tail));
      if (tail)
        values_[l].tail->save(out);
      else
        bins_[l]->save(out);
    }
}

void Bounding::load(Reader &in) {
  for (size_t l = 0; l < bins_.size(); l++)
    if (bins_[l]) {
      if (in.get<uint8_t>()) {
        const LayerShape &layer = plan_->layers[l];
        values_[l].tail = readTail(in, layer.units, plan_->values(layer), plan_->options.quantile);
      } else
        bins_[l]->load(in);
    }
}

void Bounding::merge(Reader &in) {
  for (size_t l = 0; l < bins_.size(); l++)
    if (bins_[l]) {
      const LayerShape &layer = plan_->layers[l];
      if (in.get<uint8_t>()) {
        readTail(in, layer.units, plan_->values(layer),
                 plan_->options.quantile); // waits, and has seen nothing
        continue;
      }
      const std::unique_ptr<RadixBins> other = bins_[l]->alike();
      other->load(in);
      bins_[l]->merge(*other);
    }
}

Observing Bounding::finish() && { return {std::move(plan_), std::move(all_), std::move(values_)}; }

Observing::Observing(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> source,
                     std::vector<LayerValues> values)
    : Pass(std::move(plan), std::move(source)), values_(std::move(values)),
      store_(std::make_unique<ImageStore>(std::vector<MapShape>(plan_->layers.begin(), plan_->layers.end()),
                                          plan_->options.memory, plan_->options.spillFolder)) {}

void Observing::check(const Batch &batch) const {
  const bool any = store_->blocks() || !waiting_.empty();
  const bool labelled = waiting_.empty() ? store_->hasLabels() : !waiting_.front().block.labels.ends.empty();
  if (any && batch.segmentations.empty() == labelled)
    throw Failure("ERR_NETDISSECT_USAGE", "either all batches have segmentations or none");
  if (!batch.segmentations.empty() && !plan_->options.keepMasks)
    throw Failure("ERR_NETDISSECT_USAGE", "segmentations are for dissections that keep masks");
}

void Observing::look(std::vector<UnitBatch> units, const Batch &batch, int64_t begin, int64_t count) {
  ImageBlock block;
  block.images = {batch.first + begin, count};
  {
    const Stopwatch watch(plan_->profile.select);
    const auto orLetGo = [&](const auto &work) {
      try {
        work();
      } catch (const OutOfDeviceMemory &) {
        if (!letGo())
          throw;
        work();
      }
    };
    for (size_t l = 0; l < units.size(); l++) {
      checkShape(plan_->layers[l], units[l]);
      orLetGo([&] { plan_->backend->take(units[l], *values_[l].tail); });
      if (mostWaiting() > 0)
        orLetGo([&] { plan_->backend->own(units[l]); });
    }
  }
  if (!batch.segmentations.empty()) {
    const Stopwatch watch(plan_->profile.pack);
    block.labels = pack(batch, begin, count);
    for (int64_t i = begin; i < begin + count; i++)
      block.pixels += int64_t{batch.segmentations[i].height} * batch.segmentations[i].width;
  }
  labelBytes_ += block.labels.bytes();
  waiting_.push_back({std::move(units), std::move(block)});
  while (static_cast<int64_t>(waiting_.size()) > mostWaiting() || labelBytes_ > plan_->options.memory / 4)
    selectNext();
  if (!waiting_.empty() && !boundsAreFinite())
    selectWaiting(); // which says where that comes from
}

/// A bound is of values that were taken; without any it is -∞.
bool Observing::boundsAreFinite() const {
  for (size_t l = 0; l < values_.size(); l++)
    for (int64_t unit = 0; unit < plan_->layers[l].units; unit++)
      if (!(values_[l].tail->bound(unit) < std::numeric_limits<float>::infinity()))
        return false;
  return true;
}

int64_t Observing::mostWaiting() {
  if (mostWaiting_ >= 0)
    return mostWaiting_;
  std::vector<const Tail *> tails;
  int64_t bytes = 0; // of a whole forward
  for (size_t l = 0; l < values_.size(); l++) {
    tails.push_back(values_[l].tail.get());
    const LayerShape &layer = plan_->layers[l];
    bytes += plan_->options.piece * layer.units * layer.cells() * static_cast<int64_t>(sizeof(float));
  }
  // a run that goes on has selected all that was observed
  mostWaiting_ = plan_->keeper ? 0 : plan_->backend->bytesToWait(tails) / std::max<int64_t>(1, bytes);
  return mostWaiting_;
}

bool Observing::letGo() {
  if (waiting_.empty())
    return false;
  mostWaiting_ = static_cast<int64_t>(waiting_.size()) / 2;
  plan_->notices.add("the GPU's memory is short: fewer activations wait there");
  selectWaiting();
  return true;
}

void Observing::selectWaiting() {
  while (!waiting_.empty())
    selectNext();
}

void Observing::selectNext() {
  if (plan_->progress.ended())
    throw aborted();
  auto [units, block] = std::move(waiting_.front());
  waiting_.pop_front();
  labelBytes_ -= block.labels.bytes();
  {
    const Stopwatch watch(plan_->profile.select);
    for (size_t l = 0; l < units.size(); l++) {
      Block *hot = plan_->options.keepMasks ? &block.hot.emplace_back() : nullptr;
      const auto bad = plan_->backend->select(units[l], block.images.first, *values_[l].tail, *values_[l].top,
                                              values_[l].maxima.get(), hot);
      if (bad)
        throw Failure("ERR_NETDISSECT_ACTIVATION",
                      "layer '" + plan_->layers[l].name + "', unit " + std::to_string(bad->unit) +
                          ": a NaN or infinite activation on image " + std::to_string(bad->image),
                      bad->image);
      units[l] = {};
    }
  }
  if (plan_->keeper) {
    const Stopwatch watch(plan_->profile.keep);
    plan_->keeper->add(block);
  }
  add(std::move(block));
}

void Observing::add(ImageBlock block) {
  store_->add(std::move(block), [&](size_t layer, int64_t unit) { return values_[layer].tail->bound(unit); });
}

void Observing::save(Writer &out) const {
  for (const LayerValues &layer : values_) {
    out.put(static_cast<uint8_t>(layer.estimated));
    layer.tail->save(out);
    layer.top->save(out);
    if (layer.maxima)
      layer.maxima->save(out);
  }
}

LayerValues Observing::read(Reader &in, const LayerShape &layer, int64_t first, int64_t end) const {
  const DissectionOptions &options = plan_->options;
  // nothing is made for units that are not there
  const int64_t least = std::max<int64_t>(8, options.keepMaxima ? ImageMaxima::bytes(1, end - first) : 0);
  if (static_cast<int64_t>(in.left()) / least < layer.units)
    throw damaged();
  LayerValues values;
  values.estimated = in.get<uint8_t>() != 0;
  values.tail = readTail(in, layer.units, plan_->values(layer), options.keptQuantile());
  values.top = std::make_unique<TopImages>(layer.units, options.topImages);
  values.top->load(in);
  if (options.keepMaxima) {
    values.maxima = std::make_unique<ImageMaxima>(layer.units, first, end);
    values.maxima->load(in);
  }
  return values;
}

void Observing::load(Reader &in) {
  for (size_t l = 0; l < values_.size(); l++)
    values_[l] = read(in, plan_->layers[l], plan_->options.first, plan_->options.end);
}

void Observing::merge(Reader &in, int64_t first, int64_t end) {
  for (size_t l = 0; l < values_.size(); l++) { // one layer at a time is in memory twice
    const LayerShape &layer = plan_->layers[l];
    LayerValues &own = values_[l], part = read(in, layer, first, end);
    if (part.maxima) {
      if (!own.maxima)
        own.maxima = std::make_unique<ImageMaxima>(layer.units, plan_->options.first, plan_->options.end);
      own.maxima->merge(*part.maxima);
    }
    if (own.tail) {
      own.tail->merge(*part.tail);
      own.top->merge(*part.top);
    } else { // the first part
      own.tail = std::move(part.tail);
      own.top = std::move(part.top);
      own.estimated = part.estimated;
    }
  }
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
  if (!waiting_.empty())
    for (const LayerValues &layer : values_)
      plan_->backend->taken(*layer.tail);
  selectWaiting();
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
    if (const DissectionOptions &options = plan_->options; options.wideQuantile > 0) {
      const int64_t n = plan_->values(plan_->layers[l]);
      const QuantileRank wide(n, options.wideQuantile), rank(n, options.quantile);
      if (rank.fromTop >= wide.fromTop)
        throw Failure("ERR_NETDISSECT_OPTION", "layer '" + plan_->layers[l].name + "' has too few values, " +
                                                   std::to_string(n) + ", to tell a quantile of " +
                                                   std::to_string(options.quantile) +
                                                   " from the one that was observed");
      layers[l].levels = narrowLevels(*store_, l, layers[l], rank, options.memory / 2,
                                      [&] { return plan_->progress.ended(); });
      for (int64_t unit = 0; unit < units; unit++)
        layers[l].thresholds[unit] = thresholdOf(layers[l].levels[unit]);
    }
    for (int64_t unit = 0; unit < units; unit++)
      layers[l].rankError = std::max(layers[l].rankError, tail.rankError(unit));
    layers[l].top = std::move(values_[l].top);
    layers[l].maxima = std::move(values_[l].maxima);
    if (layers[l].maxima && !layers[l].maxima->whole())
      throw damaged();
    values_[l].tail.reset();
  }
  return {std::move(plan_), std::move(layers), std::move(store_)};
}

} // namespace netdissect
