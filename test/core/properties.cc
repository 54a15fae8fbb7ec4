// What holds for any input: sizes, kinds of values, bounds, quantiles and moments at random, the same in
// every run.
#include "random.h"
#include "statistics/histogram_tail.h"
#include "statistics/upper_tail.h"
#include "store/hot_cells.h"
#include <doctest/doctest.h>
#include <memory>

using namespace netdissect;

TEST_CASE("hot cells: pruned in any steps is pruned at once, whatever the values") {
  Random random(31);
  for (int round = 0; round < 400; round++) {
    const int height = 1 + static_cast<int>(random.below(9)), width = 1 + static_cast<int>(random.below(150));
    const std::string &kind = kinds[random.below(static_cast<int64_t>(kinds.size()))];
    CAPTURE(kind);
    HotCells cells(height, width);
    std::vector<float> map(static_cast<size_t>(height) * width);
    for (float &value : map)
      value = valueOf(kind, random);
    // bounds that rise, among them values of the map: a cell at a bound is not over it
    std::vector<float> bounds;
    for (int i = 0; i < 4; i++)
      bounds.push_back(random.below(2) ? map[random.below(static_cast<int64_t>(map.size()))]
                                       : valueOf(kind, random));
    std::sort(bounds.begin(), bounds.end());
    Words steps, once;
    cells.encode(map.data(), bounds[0], steps);
    for (size_t i = 1; i < bounds.size(); i++) {
      Words next;
      cells.encode(cells.decode(steps.data(), steps.data() + steps.size()), bounds[i], next);
      steps = next;
    }
    cells.encode(map.data(), bounds.back(), once);
    CHECK(steps == once);
    // what is over the bound comes back with its very bits
    const float *decoded = cells.decode(once.data(), once.data() + once.size());
    for (size_t i = 0; i < map.size(); i++)
      CHECK((map[i] > bounds.back() ? decoded[i] == map[i] : decoded[i] <= bounds.back()));
  }
}

TEST_CASE("a bound only rises and is never over the level, merged and reloaded at any moment, in any order") {
  Random random(32);
  for (int round = 0; round < 120; round++) {
    const std::string &kind = kinds[random.below(static_cast<int64_t>(kinds.size()))];
    const int64_t cells = 1 + random.below(40), images = 2 + random.below(60), n = images * cells;
    const double quantile = 0.002 + 0.99 * random.uniform() * random.uniform();
    CAPTURE(kind);
    CAPTURE(quantile);
    std::vector<float> values(n);
    for (float &value : values)
      value = valueOf(kind, random);
    std::vector<int64_t> order(images);
    for (int64_t i = 0; i < images; i++)
      order[i] = i;
    for (const bool exact : {true, false}) {
      const auto make = [&]() -> std::unique_ptr<Tail> {
        if (exact)
          return std::make_unique<UpperTail>(1, n, quantile);
        return std::make_unique<HistogramTail>(1, n, quantile);
      };
      const auto show = [&](Tail &tail, int64_t image) {
        const float *map = values.data() + image * cells;
        tail.observe({0, image, map, static_cast<size_t>(cells), kernels().scan(map, cells, tail.bound(0))});
      };
      const auto plain = make();
      for (int64_t image = 0; image < images; image++)
        show(*plain, image);
      std::shuffle(order.begin(), order.end(), random.source);
      std::vector<float> bounds;
      auto tail = make();
      for (int64_t i = 0; i < images; i++) {
        auto other = make();
        switch (random.below(4)) {
        case 0: { // goes on from what was saved
          Writer out;
          tail->save(out);
          Reader in(out.bytes().data(), out.bytes().size());
          other->load(in);
          tail = std::move(other);
          show(*tail, order[i]);
          break;
        }
        case 1: // another part sees the image
          show(*other, order[i]);
          tail->merge(*other);
          break;
        default:
          show(*tail, order[i]);
        }
        bounds.push_back(tail->bound(0));
      }
      CHECK(tail->level(0) == plain->level(0));
      CHECK(tail->rankError(0) == plain->rankError(0));
      CHECK(std::is_sorted(bounds.begin(), bounds.end()));
      CHECK(bounds.back() <= tail->level(0));
    }
  }
}
