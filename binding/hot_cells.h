// The cells that can still matter. A pixel's value never exceeds the largest of the four cells that it reads,
// so that only cells over a lower bound of the final level, and their eight neighbours, can ever light a
// pixel. The rest of an activation is thrown away when it has passed.
#pragma once
#include "block.h"
#include <cstdint>
#include <vector>

namespace netdissect {

/// The most cells that a map may have.
constexpr int64_t largestMap = int64_t{1} << 22;

/// Turns a map's hot cells into a record and back; holds scratch memory, so one to a thread. A record is a
/// list of runs along the flattened map: a head (start << 10 | length), then `length` float32; none where no
/// cell is hot.
class HotCells {
public:
  HotCells(int height, int width);

  /// Appends the record of a map `[height, width]`: cells over `bound` and their neighbours.
  void encode(const float *map, float bound, Words &out);

  /// Writes a record into a map whose other cells are far under any level.
  const float *decode(const uint32_t *begin, const uint32_t *end);

private:
  int height_, width_, words_;
  std::vector<uint64_t> over_, wide_;
  std::vector<float> map_;
  std::vector<uint32_t> dirty_;
};

} // namespace netdissect
