#include "run/begin.h"
#include "base/failure.h"
#include "statistics/histogram_tail.h"
#include "statistics/upper_tail.h"
#include "store/hot_cells.h"
#include <algorithm>

namespace netdissect {

std::vector<LayerShape> layerShapes(UnitSource &source, const DissectionOptions &options) {
  const std::vector<float> zeros(options.channels * options.height * options.width);
  Images probe;
  probe.floats = zeros.data();
  probe.count = 1;
  probe.channels = options.channels;
  probe.height = options.height;
  probe.width = options.width;
  const std::vector<UnitBatch> outputs = source.run(probe);
  std::vector<LayerShape> layers(options.layers.size());
  for (size_t i = 0; i < layers.size(); i++) {
    LayerShape &layer = layers[i];
    const UnitBatch &output = outputs[i];
    layer.name = options.layers[i];
    layer.units = output.units;
    layer.height = output.height;
    layer.width = output.width;
    layer.tokensDropped = output.tokensDropped;
    layer.unitsLast = output.outputUnitsLast;
    layer.changedInPlace = output.changedInPlace;
    if (layer.cells() > largestMap)
      throw Failure("ERR_NETDISSECT_LAYER",
                    "layer '" + layer.name + "' gives maps of " + std::to_string(layer.height) + "×" +
                        std::to_string(layer.width) + " cells, more than the " + std::to_string(largestMap) +
                        " that can be dissected; use smaller images");
    if (options.scaleOffset) {
      layer.geometry = source.geometry(i);
      if (!layer.geometry.known)
        throw Failure("ERR_NETDISSECT_GEOMETRY",
                      "layer '" + layer.name + "' has no known scale and offset to input pixels (" +
                          layer.geometry.reason + "); dissect it without addScaleOffset");
    }
  }
  return layers;
}

Tails chooseTails(const Plan &plan) {
  const DissectionOptions &options = plan.options;
  const auto bufferBytes = [&](const LayerShape &layer) {
    return UpperTail::bytes(layer.units, plan.values(layer), options.quantile);
  };
  int64_t bytes = 0, maxima = 0;
  std::vector<std::unique_ptr<Tail>> onDevice(plan.layers.size());
  std::vector<size_t> bySize;
  for (size_t l = 0; l < plan.layers.size(); l++) {
    maxima += options.keepMaxima ? ImageMaxima::bytes(plan.layers[l].units, options.images) : 0;
    if (options.kept.folder.empty())
      onDevice[l] = plan.backend->upperTail(plan.layers[l].units, plan.values(plan.layers[l]),
                                            options.quantile, options.piece * plan.layers[l].cells());
    if (onDevice[l])
      continue;
    bytes += bufferBytes(plan.layers[l]);
    bySize.push_back(l);
  }
  std::stable_sort(bySize.begin(), bySize.end(), [&](size_t a, size_t b) {
    return bufferBytes(plan.layers[a]) > bufferBytes(plan.layers[b]);
  });
  if (maxima > options.memory / 2)
    throw Failure(
        "ERR_NETDISSECT_OPTION",
        "the largest activation of each unit on every image, for the score auprc or maxima, takes " +
            std::to_string((maxima >> 20) + 1) +
            " MiB, more than a half of the memory; allow more, or leave these out");
  const int64_t budget = options.memory / 2 - maxima;
  std::vector<int> bits(plan.layers.size(), 0); // of a pass of bins; 0 where there are buffers
  for (const size_t l : bySize) {
    if (bytes <= budget)
      break;
    const LayerShape &layer = plan.layers[l];
    // as few passes as the budget allows
    for (const int some : {16, 11, 8}) {
      const int64_t saved = bufferBytes(layer) - RadixBins::bytes(layer.units, some);
      if (saved <= 0)
        continue;
      bits[l] = some;
      if (bytes - saved <= budget || some == 8) {
        bytes -= saved;
        break;
      }
    }
  }
  Tails tails;
  tails.bytes = bytes + maxima;
  tails.maxima = maxima;
  for (size_t l = 0; l < plan.layers.size(); l++) {
    const LayerShape &layer = plan.layers[l];
    const int64_t n = plan.values(layer);
    LayerValues values;
    std::unique_ptr<RadixBins> bins;
    values.top = std::make_unique<TopImages>(layer.units, options.topImages);
    if (options.keepMaxima)
      values.maxima = std::make_unique<ImageMaxima>(layer.units, options.first, options.end);
    values.tail = std::move(onDevice[l]);
    values.estimated = bits[l] && options.approximate && HistogramTail::fits(n);
    if (values.estimated)
      values.tail = std::make_unique<HistogramTail>(layer.units, n, options.quantile);
    else if (bits[l]) {
      bins = std::make_unique<RadixBins>(layer.units, n, options.quantile, bits[l]);
      tails.binned.push_back(layer.name);
      tails.passes = std::max(tails.passes, RadixBins::passes(bits[l]));
    } else if (!values.tail)
      values.tail = std::make_unique<UpperTail>(layer.units, n, options.quantile);
    tails.values.push_back(std::move(values));
    tails.bins.push_back(std::move(bins));
  }
  return tails;
}

} // namespace netdissect
