#include "tally/masks.h"
#include "kernels/kernels.h"
#include <algorithm>

namespace netdissect {

const MaskBuilder *LayerMasks::read(const uint32_t *begin, const uint32_t *end, float threshold, int height,
                                    int width) {
  if (begin == end || !(HotCells::largest(begin) > threshold))
    return nullptr;
  const std::pair<int, int> size{height, width};
  auto grid = grids_.find(size);
  if (grid == grids_.end())
    grid = grids_.try_emplace(size, geometry_.grid(height, width)).first;
  MaskBuilder &builder = grid->second.builder;
  pixels_ = builder.build(cells_.decode(begin, end), threshold);
  return pixels_ ? &builder : nullptr;
}

void countLabels(const MaskBuilder &mask, const LabelPlanes &planes, std::vector<uint32_t> &counts) {
  std::fill(counts.begin(), counts.end(), 0);
  kernels().intersect(mask.row(mask.begin()), planes.row(mask.begin()), mask.end() - mask.begin(),
                      static_cast<int>(planes.labels.size()), planes.words, counts.data());
}

} // namespace netdissect
