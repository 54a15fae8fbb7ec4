#include "run/narrow.h"
#include "base/parallel.h"
#include "store/hot_cells.h"
#include <algorithm>
#include <functional>

namespace netdissect {

std::vector<double> narrowLevels(const ImageStore &store, size_t layer, const LevelledLayer &wide,
                                 const QuantileRank &rank, int64_t memory,
                                 const std::function<bool()> &stopped) {
  const auto units = static_cast<int64_t>(wide.levels.size());
  std::vector<double> levels(units);
  const int64_t bytes = 2 * rank.fromTop * static_cast<int64_t>(sizeof(float));
  const int64_t some = std::max<int64_t>(1, memory / std::max<int64_t>(1, bytes)); // units at once
  constexpr size_t blocks = 8;
  for (int64_t begin = 0; begin < units; begin += some) {
    const int64_t end = std::min(begin + some, units);
    std::vector<std::vector<float>> over(end - begin);
    for (size_t from = 0; from < store.blocks(); from += blocks) {
      if (stopped())
        throw aborted();
      std::vector<BlockView> hot;
      for (size_t block = from; block < std::min(from + blocks, store.blocks()); block++)
        hot.push_back(store.hot(block, layer));
      parallelFor(end - begin, 8, [&](int64_t first, int64_t last) {
        for (int64_t u = first; u < last; u++) {
          std::vector<float> &values = over[u];
          for (size_t b = 0; b < hot.size(); b++) {
            const int64_t images = store.images(from + b).count;
            for (int64_t i = 0; i < images; i++) {
              const auto record = static_cast<size_t>((begin + u) * images + i);
              HotCells::valuesOver(wide.thresholds[begin + u], hot[b].begin(record), hot[b].end(record),
                                   values);
            }
          }
          if (static_cast<int64_t>(values.size()) > 2 * rank.fromTop) { // only the largest decide
            std::nth_element(values.begin(), values.begin() + (rank.fromTop - 1), values.end(),
                             std::greater<float>());
            values.resize(rank.fromTop);
          }
        }
      });
    }
    parallelFor(end - begin, 1, [&](int64_t first, int64_t last) {
      for (int64_t u = first; u < last; u++) {
        std::vector<float> &values = over[u];
        std::sort(values.begin(), values.end(), std::greater<float>());
        if (static_cast<int64_t>(values.size()) < rank.fromTop)
          values.resize(rank.fromTop, static_cast<float>(wide.levels[begin + u]));
        const float lower = values[rank.fromTop - 1];
        levels[begin + u] = rank.between(lower, rank.fromTop == 1 ? lower : values[rank.fromTop - 2]);
      }
    });
  }
  return levels;
}

} // namespace netdissect
