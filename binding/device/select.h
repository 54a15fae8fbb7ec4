// Choosing the cells that matter by operations on tensors, the same on every device.
#pragma once
#include <ATen/core/Tensor.h>
#include <vector>

namespace netdissect {

/// What is told of maps [units, images, height, width] in C order, unit by unit, of each image by image; on
/// the host.
struct Selected {
  std::vector<float> smallest, largest; // [units, images]; NaN where there is one
  std::vector<int64_t> ends;            // [units, images] where a map's cells end in the lists below
  std::vector<int32_t> cells; // of those over the unit's bound and beside one: places in the map, ascending
  std::vector<float> values;  // and what is there
};

/// `bounds` of the units.
Selected selectOn(const at::Tensor &byUnit, const std::vector<float> &bounds);

/// Bytes of the device that selectOn takes for each cell, the maps included, at most.
constexpr int64_t selectBytes = 40;

} // namespace netdissect
