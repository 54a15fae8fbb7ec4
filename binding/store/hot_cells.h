// The cells that can still matter. A pixel's value never exceeds the largest of the four cells that it reads,
// so that only cells over a lower bound of the final level, and their eight neighbours, can ever light a
// pixel. The rest of an activation is thrown away when it has passed.
#pragma once
#include "store/block.h"
#include <cstdint>
#include <vector>

namespace netdissect {

/// The most cells that a map may have.
constexpr int64_t largestMap = int64_t{1} << 22;

/// Turns a map's hot cells into a record and back; holds scratch memory, so one to a thread. A record is the
/// largest value, then runs along the flattened map: a head (start << 10 | length) and `length` float32. It
/// is empty where no cell is hot.
class HotCells {
public:
  HotCells(int height, int width);

  /// Appends the record of a map `[height, width]`: cells over `bound` and their neighbours.
  void encode(const float *map, float bound, Words &out);

  /// The largest value of a record that is not empty.
  static float largest(const uint32_t *record);

  /// Whether this is a record of a map with so many cells.
  static bool fits(const uint32_t *begin, const uint32_t *end, int64_t cells);

  /// Appends the values of a record that are over `bound`.
  static void valuesOver(float bound, const uint32_t *begin, const uint32_t *end, std::vector<float> &out);

  /// Writes a record into a map whose other cells are far under any level.
  const float *decode(const uint32_t *begin, const uint32_t *end);

private:
  int height_, width_, words_;
  std::vector<uint64_t> over_, wide_; // bits of the flat map; of its rows, with an empty one above and below
  std::vector<float> map_;
  struct Run {
    uint32_t start, length;
  };
  std::vector<Run> dirty_; // what decode() wrote
};

} // namespace netdissect
