// How well a unit's largest activation on an image tells whether a label is there.
#pragma once
#include "run/levelled.h"
#include <atomic>
#include <vector>

namespace netdissect {

/// The average precision (area under the steps of precision over recall) of images ranked by each unit's
/// largest activation, for the presence of each label, [labels, units]. Images are those that have a label of
/// its category; such with equal activations go together. 0 where a label is on all of these, or on none.
std::vector<double> averagePrecision(const Counted &counted, size_t layer, const std::atomic<bool> &stopping);

} // namespace netdissect
