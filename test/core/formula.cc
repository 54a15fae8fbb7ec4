// The exact search for formulas against trying all of them, pixel by pixel.
#include "worth/formula.h"
#include "base/failure.h"
#include "random.h"
#include <doctest/doctest.h>

using namespace netdissect;

namespace {

// The sanitizers look at what is touched, not at the numbers, and are slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int trials = 10;
#else
constexpr int trials = 500;
#endif

constexpr size_t words = 24; // images of 64 pixels

/// Images whose pixels carry any of some labels, and masks over them.
struct Small {
  using Pixels = std::array<uint64_t, words>;
  static Pixels join(const Pixels &a, const Pixels &b, Operator by) {
    Pixels joined;
    for (size_t w = 0; w < words; w++)
      joined[w] = by == Operator::either ? a[w] | b[w] : by == Operator::both ? a[w] & b[w] : a[w] & ~b[w];
    return joined;
  }
  std::vector<std::array<uint64_t, words>> labels, masks;
  AtomTable table;
  std::vector<std::vector<int64_t>> atomPixels; // of each mask

  Small(Random &random, size_t labelCount, size_t maskCount) : labels(labelCount), masks(maskCount) {
    const int64_t kind = random.below(4);
    for (auto &plane : labels)
      for (uint64_t &word : plane)
        if (random.below(3))
          word = kind == 0 ? random.source() & random.source() : pattern(random);
    if (kind == 2)
      labels[labelCount - 1] = labels[0]; // equal labels: equal scores
    for (auto &mask : masks) {
      const int64_t how = random.below(5);
      const auto any = [&] { return labels[random.below(static_cast<int64_t>(labelCount))]; };
      const Pixels a = any(), b = any(), c = any();
      const Pixels formula =
          join(join(a, b, static_cast<Operator>(random.below(3))), c, static_cast<Operator>(random.below(3)));
      const uint64_t noise = random.source() & random.source() & random.source() & random.source();
      for (size_t w = 0; w < words; w++)
        mask[w] = how == 0   ? 0 // a mask that is empty
                  : how == 1 ? random.source() & random.source()
                  : how == 2 ? formula[w]
                  : how == 3 ? formula[w] ^ noise
                             : formula[w] & pattern(random);
    }
    atomPixels.resize(maskCount);
    for (size_t w = 0; w < words; w++) {
      ImageAtoms image;
      image.height = 8;
      image.width = 8;
      image.pixels.resize(64);
      for (int p = 0; p < 64; p++) {
        LabelSet set;
        for (size_t l = 0; l < labelCount; l++)
          if (labels[l][w] >> p & 1)
            set.push_back(static_cast<uint16_t>(l));
        image.pixels[p] = static_cast<uint32_t>(image.sets.size());
        image.sets.push_back(set);
        image.areas.push_back(1);
      }
      table.add(image);
      const std::vector<uint32_t> numbers = table.numbersOf(image);
      for (size_t m = 0; m < maskCount; m++) {
        atomPixels[m].resize(table.size());
        for (int p = 0; p < 64; p++)
          atomPixels[m][numbers[image.pixels[p]]] += masks[m][w] >> p & 1;
      }
    }
    for (auto &pixels : atomPixels)
      pixels.resize(table.size());
  }

  static uint64_t pattern(Random &random) { // halves and quarters: many equal counts
    constexpr uint64_t some[] = {0, ~uint64_t{0}, 0xffffffff, 0xff00ff00ff00ff00, 0x0f0f0f0f0f0f0f0f};
    return some[random.below(5)];
  }

  void count(const Pixels &pixels, const Pixels &mask, Formula &formula) const {
    formula.both = formula.size = 0;
    for (size_t w = 0; w < words; w++) {
      formula.both += __builtin_popcountll(pixels[w] & mask[w]);
      formula.size += __builtin_popcountll(pixels[w]);
    }
  }

  /// The best formulas of length up to 1, 2 and 3 by trying all.
  std::vector<Formula> plain(size_t m) const {
    int64_t maskPixels = 0;
    for (const uint64_t word : masks[m])
      maskPixels += __builtin_popcountll(word);
    std::array<Formula, 3> best; // of each length
    // by score, then length, labels as written, and operators
    const auto isBetter = [&](const Formula &f, const Formula &g) {
      const int64_t left = f.both * (maskPixels + g.size - g.both),
                    right = g.both * (maskPixels + f.size - f.both);
      const auto order = [](const Formula &h) {
        return std::vector<int32_t>{h.length,
                                    h.labels[0],
                                    h.labels[1],
                                    h.labels[2],
                                    int32_t(h.operators[0]),
                                    int32_t(h.operators[1])};
      };
      return left != right ? left > right : order(f) < order(g);
    };
    const auto consider = [&](Formula &formula, const Pixels &pixels) {
      count(pixels, masks[m], formula);
      Formula &own = best[formula.length - 1];
      if (formula.both > 0 && (!own.length || isBetter(formula, own)))
        own = formula;
    };
    constexpr Operator all[] = {Operator::either, Operator::both, Operator::butNot};
    const auto n = static_cast<int32_t>(labels.size());
    for (int32_t a = 0; a < n; a++) {
      Formula one;
      one.length = 1;
      one.labels = {a, -1, -1};
      consider(one, labels[a]);
      for (int32_t b = 0; b < n; b++)
        for (const Operator first : all) {
          if (b == a || (first != Operator::butNot && b < a))
            continue;
          Formula two;
          two.length = 2;
          two.labels = {a, b, -1};
          two.operators[0] = first;
          const Pixels pair = join(labels[a], labels[b], first);
          consider(two, pair);
          for (int32_t c = 0; c < n; c++)
            for (const Operator second : all) {
              if (c == a || c == b)
                continue;
              Formula three;
              three.length = 3;
              three.labels = {a, b, c};
              three.operators = {first, second};
              consider(three, join(pair, labels[c], second));
            }
        }
    }
    for (size_t k = 1; k < 3; k++)
      if (best[k - 1].length && (!best[k].length || isBetter(best[k - 1], best[k])))
        best[k] = best[k - 1];
    return {best.begin(), best.end()};
  }
};

void same(const Formula &found, const Formula &expected) {
  CHECK(found.length == expected.length);
  CHECK(found.both == expected.both);
  CHECK(found.size == expected.size);
  CHECK(found.labels == expected.labels);
  CHECK(found.operators == expected.operators);
}

const auto never = [] { return false; };

double plainScore(const Formula &formula, const std::vector<int64_t> &atomPixels) {
  int64_t mask = 0;
  for (const int64_t pixels : atomPixels)
    mask += pixels;
  return formula.length ? double(formula.both) / double(mask + formula.size - formula.both) : 0;
}

} // namespace

TEST_CASE("the best formulas are those of trying all, with no gap") {
  Random random(5);
  for (int trial = 0; trial < trials; trial++) {
    const Small small(random, 12, 8);
    const FormulaTables tables(small.table, 3, int64_t{1} << 30, never);
    FormulaSearch search(tables);
    for (size_t m = 0; m < 8; m++) {
      CAPTURE(trial);
      CAPTURE(m);
      const FormulaResult found = search.run(small.atomPixels[m].data(), Clock::time_point::max(), never);
      const std::vector<Formula> expected = small.plain(m);
      REQUIRE(found.best.size() == 3);
      CHECK(found.gap == 0);
      for (size_t k = 0; k < 3; k++)
        same(found.best[k], expected[k]);
    }
  }
}

TEST_CASE("a search that is cut off at any moment tells how much better a formula could be") {
  Random random(6);
  int gaps = 0;
  for (int trial = 0; trial < std::min(trials, 40); trial++) {
    const Small small(random, 14, 4);
    const FormulaTables tables(small.table, 3, int64_t{1} << 30, never);
    FormulaSearch search(tables);
    for (size_t m = 0; m < 4; m++) {
      const auto *pixels = small.atomPixels[m].data();
      const double best =
          plainScore(search.run(pixels, Clock::time_point::max(), never).best[2], small.atomPixels[m]);
      for (int after = 0; after < 4; after++) {
        // it asks whether it is stopped, then looks at the time, every 64 pairs
        const auto deadline = Clock::now() + std::chrono::microseconds(500);
        int asked = 0;
        const FormulaResult cut = search.run(pixels, deadline, [&] {
          while (asked == after && Clock::now() < deadline)
            ;
          asked++;
          return false;
        });
        REQUIRE(cut.best.size() == 3);
        CHECK(plainScore(cut.best[2], small.atomPixels[m]) + cut.gap >= best - 1e-12);
        gaps += cut.gap > 0;
      }
    }
  }
  CHECK(gaps > 0);
}

TEST_CASE("tables that take more than the memory are refused, and their making can be stopped") {
  Random random(7);
  const Small small(random, 12, 1);
  const auto codeOf = [&](int64_t memory, bool stop) {
    try {
      FormulaTables(small.table, 3, memory, [&] { return stop; });
    } catch (const Failure &failure) {
      return failure.code;
    }
    return std::string("none");
  };
  CHECK(codeOf(1000, false) == "ERR_NETDISSECT_OPTION");
  CHECK(codeOf(int64_t{1} << 30, false) == "none");
  CHECK(codeOf(int64_t{1} << 30, true) == "ABORT_ERR");
}
