// What is settled before the first image: the layers' shapes, and by what their levels are found.
#pragma once
#include "run/pass.h"

namespace netdissect {

/// The layers' shapes, by one image of zeros.
std::vector<LayerShape> layerShapes(UnitSource &source, const DissectionOptions &options);

/// Where the values of each layer go in the pass that keeps, and before it.
struct Tails {
  std::vector<LayerValues> values;
  std::vector<std::unique_ptr<RadixBins>> bins; // null where a layer needs no pass before
  std::vector<std::string> binned;              // the layers that do
  int passes = 1;                               // of all the data
  int64_t bytes = 0;                            // that all of it takes at most
  int64_t maxima = 0;                           // of these, what is kept to the end
};

/// Buffers of the largest values, on the device where it has memory for them, or while they fit into half of
/// the host's; else bins, and so many passes as those take.
Tails chooseTails(const Plan &plan);

} // namespace netdissect
