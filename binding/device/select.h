// Choosing the cells and the images that matter by operations on tensors, the same on every device.
#pragma once
#include <ATen/core/Tensor.h>
#include <vector>

namespace netdissect {

/// What is told of maps [units, images, height, width] in C order, unit by unit, of each image by image; on
/// the host.
struct Selected {
  /// [units, images], NaN where a map has one. Where something is not finite both are there and nothing else;
  /// if not, the largest alone, where they are asked for.
  std::vector<float> smallest, largest;
  std::vector<int64_t> topImages; // [units, top] the images of the largest values; of equal ones the first
  std::vector<float> topValues;   // and the values
  std::vector<int64_t> ends;      // [units, images] where a map's cells end in the lists below
  std::vector<int32_t> cells; // of those over the unit's bound and beside one: places in the map, ascending
  std::vector<float> values;  // and what is there
};

/// `bounds` of the units; `top`: at most as many as there are images; `maxima`: whether all the largest are
/// asked for.
Selected selectOn(const at::Tensor &byUnit, const std::vector<float> &bounds, int64_t top, bool maxima);

/// Bytes of the device that selectOn takes for each cell, the maps included, at most.
constexpr int64_t selectBytes = 48;

} // namespace netdissect
