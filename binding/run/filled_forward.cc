#include "run/plan.h"
#include <algorithm>

namespace netdissect {

std::vector<UnitBatch> runPiece(UnitSource &source, const DissectionOptions &options, const Images &all,
                                int64_t begin, int64_t count, int64_t piece) {
  const int64_t area = all.height * all.width;
  Images images = all;
  images.count = piece;
  images.mean = options.mean;
  images.deviation = options.deviation;
  std::vector<uint8_t> bytes, alpha;
  std::vector<float> floats;
  const auto part = [&](const auto *values, int64_t size, auto &filled) {
    if (values)
      values += begin * size;
    if (!values || count == piece)
      return values;
    filled.reserve(piece * size);
    for (int64_t i = 0; i < piece; i++) {
      const auto *image = values + std::min(i, count - 1) * size;
      filled.insert(filled.end(), image, image + size);
    }
    return static_cast<decltype(values)>(filled.data());
  };
  images.bytes = part(all.bytes, 3 * area, bytes);
  images.alpha = part(all.alpha, area, alpha);
  images.floats = part(all.floats, all.channels * area, floats);
  std::vector<UnitBatch> result = source.run(images);
  for (UnitBatch &units : result)
    units.count = count;
  return result;
}

} // namespace netdissect
