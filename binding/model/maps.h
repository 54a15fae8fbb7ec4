// Outputs of layers as maps, rows of patches too.
#pragma once
#include "model/facts.h"
#include "model/script_model.h"
#include <ATen/core/ivalue.h>

namespace netdissect {

/// A layer's output as maps [count, units, height, width].
struct Maps {
  at::Tensor tensor;
  int tokensDropped = 0;
  bool unitsLast = false;
  bool changedInPlace = false;
};

/// What is known of a forward's tokens.
struct TokenFacts {
  const Facts &graph;
  const std::vector<std::pair<int64_t, int64_t>> &grids; // of convolutions whose outputs were flattened
};

std::string shapeOf(const at::Tensor &tensor);

/// The captured output as float32 maps, or why it has none.
std::string mapsOf(const c10::IValue &value, const Images &images, const RetainOptions &options,
                   const TokenFacts &tokens, Maps &result);

} // namespace netdissect
