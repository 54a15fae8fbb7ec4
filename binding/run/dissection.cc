#include "run/dissection.h"
#include "base/failure.h"
#include "kernels/kernels.h"
#include <algorithm>
#include <limits>

namespace netdissect {

MapGeometry Dissection::Layer::mapGeometry(const DissectionOptions &options) const {
  return {height, width, options.scaleOffset ? &geometry : nullptr, static_cast<int>(options.height),
          static_cast<int>(options.width)};
}

Dissection::Dissection(std::shared_ptr<ScriptModel> model, DissectionOptions options)
    : model_(std::move(model)), options_(std::move(options)),
      forward_(model_->retain(options_.layers, options_.retain)), layers_(options_.layers.size()),
      spill_(options_.spillFolder), labelPixels_(options_.labels.category.size()) {
  // One image of zeros tells the shapes, and whether the model takes images of this size, before any is
  // decoded.
  const std::vector<float> zeros(options_.channels * options_.height * options_.width);
  Images probe;
  probe.floats = zeros.data();
  probe.count = 1;
  probe.channels = options_.channels;
  probe.height = options_.height;
  probe.width = options_.width;
  forward_->run(probe);
  const std::vector<Activation> activations = forward_->take();
  for (size_t i = 0; i < layers_.size(); i++) {
    Layer &layer = layers_[i];
    const Activation &activation = activations[i];
    layer.name = options_.layers[i];
    layer.units = activation.units;
    layer.height = activation.height;
    layer.width = activation.width;
    layer.tokensDropped = activation.tokensDropped;
    layer.unitsLast = activation.outputUnitsLast;
    layer.changedInPlace = activation.changedInPlace;
    const int64_t cells = int64_t{layer.height} * layer.width;
    if (cells > largestMap)
      throw Failure("ERR_NETDISSECT_LAYER",
                    "layer '" + layer.name + "' gives maps of " + std::to_string(layer.height) + "×" +
                        std::to_string(layer.width) + " cells, more than the " + std::to_string(largestMap) +
                        " that can be dissected; use smaller images");
    if (options_.scaleOffset) {
      layer.geometry = forward_->geometry(i);
      if (!layer.geometry.known)
        throw Failure("ERR_NETDISSECT_GEOMETRY",
                      "layer '" + layer.name + "' has no known scale and offset to input pixels (" +
                          layer.geometry.reason + "); dissect it without addScaleOffset");
    }
    layer.top = std::make_unique<TopImages>(layer.units, options_.topImages);
  }
  chooseTails();
  for (Layer &layer : layers_) // after the loop: the tally keeps a pointer to the layer's geometry
    layer.tally = std::make_unique<LayerTally>(layer.units, layer.mapGeometry(options_), options_.labels);
}

void Dissection::chooseTails() {
  const auto values = [&](const Layer &layer) { return options_.images * layer.height * layer.width; };
  const auto tailBytes = [&](const Layer &layer) {
    return UpperTail::bytes(layer.units, values(layer), options_.quantile);
  };
  int64_t bytes = 0;
  std::vector<Layer *> bySize;
  for (Layer &layer : layers_) {
    bytes += tailBytes(layer);
    bySize.push_back(&layer);
  }
  std::stable_sort(bySize.begin(), bySize.end(),
                   [&](const Layer *a, const Layer *b) { return tailBytes(*a) > tailBytes(*b); });
  std::vector<std::string> counted;
  for (Layer *layer : bySize) {
    const int64_t saved = tailBytes(*layer) - RadixTail::bytes(layer->units);
    const bool tooLarge = bytes > options_.memory / 2 && saved > 0 && RadixTail::fits(values(*layer));
    if (tooLarge)
      bytes -= saved;
    layer->estimated = tooLarge && options_.approximate;
    if (layer->estimated)
      layer->tail = std::make_unique<HistogramTail>(layer->units, values(*layer), options_.quantile);
    else if (tooLarge) {
      auto radix = std::make_unique<RadixTail>(layer->units, values(*layer), options_.quantile);
      layer->radix = radix.get();
      layer->tail = std::move(radix);
    } else
      layer->tail = std::make_unique<UpperTail>(layer->units, values(*layer), options_.quantile);
  }
  for (const Layer &layer : layers_)
    if (layer.radix)
      counted.push_back(layer.name);
  if (!counted.empty()) {
    counting_ = model_->retain(counted, options_.retain);
    phase_ = Phase::bounding;
  }
}

void Dissection::require(std::initializer_list<Phase> phases, const char *call) const {
  const Phase phase = phase_;
  if (std::find(phases.begin(), phases.end(), phase) != phases.end())
    return;
  const char *stand = phase == Phase::over       ? "is over, since it failed"
                      : phase == Phase::levelled ? "has seen all images"
                                                 : "has not seen all images yet";
  throw Failure("ERR_NETDISSECT_USAGE", std::string(call) + " is out of order: the dissection " + stand);
}

template <class Step>
auto Dissection::inPhase(std::initializer_list<Phase> phases, const char *call, Step step) {
  require(phases, call);
  try {
    return step();
  } catch (const Failure &failure) {
    if (failure.code != "ERR_NETDISSECT_USAGE")
      phase_ = Phase::over;
    throw;
  } catch (...) {
    phase_ = Phase::over;
    throw;
  }
}

void Dissection::observe(const Batch &batch, const std::atomic<bool> &stopping) {
  inPhase({Phase::bounding, Phase::observing}, "observe", [&] { observeBatch(batch, stopping); });
}

void Dissection::finish() {
  inPhase({Phase::bounding, Phase::observing}, "finish", [&] { endPass(); });
}

int64_t Dissection::count(int64_t blocks) {
  return inPhase({Phase::levelled}, "count", [&] { return countBlocks(blocks); });
}

void Dissection::requireResults() const {
  require({Phase::levelled}, "results");
  if (!counted())
    throw Failure("ERR_NETDISSECT_USAGE", "results is out of order: not all images are counted yet");
}

LayerResult Dissection::result(size_t index) const {
  const Layer &layer = layers_[index];
  LayerResult result;
  static_cast<LayerShape &>(result) = layer;
  result.levels = layer.levels;
  result.estimated = layer.estimated;
  result.rankError = static_cast<double>(layer.rankError) /
                     (static_cast<double>(options_.images) * layer.height * layer.width);
  for (int64_t unit = 0; unit < layer.units; unit++)
    for (const TopImage &top : layer.top->of(unit)) {
      result.topImages.push_back(static_cast<int32_t>(top.image));
      result.topActivations.push_back(top.activation);
    }
  result.categoryPixels = layer.tally->categoryPixels();
  result.intersections = layer.tally->intersections();
  return result;
}

std::vector<double> Dissection::labelPixels() const { return {labelPixels_.begin(), labelPixels_.end()}; }

} // namespace netdissect
