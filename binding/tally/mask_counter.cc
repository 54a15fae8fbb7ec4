#include "tally/mask_counter.h"
#include "tally/masks.h"

namespace netdissect {

MaskCounts::MaskCounts(const MaskWork &work) : pixels(work.items.size()), at(work.items.size()) {
  uint64_t size = 0;
  for (size_t i = 0; i < work.items.size(); i++) {
    at[i] = size;
    size += work.planes[work.items[i].image]->labels.size();
  }
  labelled.resize(size);
}

void countPlainly(const MaskWork &work, MaskCounts &counts) {
  HotCells cells(work.height, work.width);
  MaskBuilder builder(*work.grid);
  std::vector<uint32_t> some;
  for (size_t i = 0; i < work.items.size(); i++) {
    const MaskItem &item = work.items[i];
    counts.pixels[i] = builder.build(cells.decode(item.begin, item.end), item.level);
    const LabelPlanes &planes = *work.planes[item.image];
    some.resize(planes.labels.size());
    countLabels(builder, planes, some);
    std::copy(some.begin(), some.end(), counts.labelled.begin() + static_cast<std::ptrdiff_t>(counts.at[i]));
  }
}

} // namespace netdissect
