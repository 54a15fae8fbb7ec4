// Levels at a smaller quantile, from what is kept for a larger one.
#pragma once
#include "run/levelled.h"
#include "statistics/quantile.h"
#include <functional>
#include <vector>

namespace netdissect {

/// The levels of a layer's units at a rank that counts fewer of the largest values than theirs does. All
/// values over a level are kept; what the rank counts beyond these equals the level. Takes `memory` bytes,
/// about. Throws ABORT_ERR where `stopped` says so.
std::vector<double> narrowLevels(const ImageStore &store, size_t layer, const LevelledLayer &wide,
                                 const QuantileRank &rank, int64_t memory,
                                 const std::function<bool()> &stopped);

} // namespace netdissect
