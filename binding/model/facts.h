// What a forward's graph tells before anything runs: the input that it wants, and operations whose values do
// not depend on the image alone.
#pragma once
#include "model/retain.h"

namespace netdissect {

struct Facts {
  at::ScalarType inputType = at::kFloat; // what the first operation with weights takes
  int64_t channels = 0;                  // what the first convolution takes; 0 where that is not plain
  bool readsMemory = false;              // whether it looks at how tensors lie in memory
  std::vector<std::string> random;       // operations of a training mode that is fixed in the graph
  std::vector<std::string> ofBatch;      // operations whose values depend on all images of a forward
  // How many tokens are put before and after the patches, and the lengths of tables of positions.
  int64_t tokensBefore = 0, tokensAfter = 0;
  bool tokensPlain = true; // whether the graph shows where they are put
  std::vector<int64_t> positions;
  std::string input; // what it takes instead of a batch of images; empty where it takes one
};

/// A copy of the graph in which scalar attributes are constants, so that the branches of scripted modules
/// fold away.
std::shared_ptr<torch::jit::Graph> foldedGraph(const HookedGraph &hooked);

Facts factsOf(const HookedGraph &hooked);

} // namespace netdissect
