// A layer's receptive-field geometry, read from the model's graph. Source: the chain rule of strides and
// paddings in network-dissection.md, section 2.
#pragma once
#include "model/retain.h"
#include "model/script_model.h"

namespace netdissect {

/// The geometry of each slot's last call in a hooked graph.
std::vector<Geometry> layerGeometry(const HookedGraph &hooked, size_t slots);

} // namespace netdissect
