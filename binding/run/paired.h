// Counting again, with the labels of other images: what a unit would find by chance.
#pragma once
#include "run/levelled.h"
#include <atomic>
#include <vector>

namespace netdissect {

/// The counts of every layer where the masks of image x are laid over the labels of image `partner[x]`.
/// Throws ABORT_ERR once one of the two is true.
std::vector<LayerTally> countPaired(const Counted &counted, const std::vector<uint32_t> &partner,
                                    const std::atomic<bool> &stopping);

} // namespace netdissect
