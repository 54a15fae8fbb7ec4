// Statistics: what parts give together is what the whole gives, in any order, and after saving and loading.
#include "base/failure.h"
#include "base/parallel.h"
#include "random.h"
#include "statistics/correlation.h"
#include "statistics/histogram_tail.h"
#include "statistics/image_maxima.h"
#include "statistics/radix_tail.h"
#include "statistics/top_images.h"
#include "statistics/upper_tail.h"
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <numeric>

using namespace netdissect;

namespace {

constexpr int64_t units = 3, cells = 35;

/// Values [images, units, cells].
std::vector<float> valuesFor(const std::string &kind, int64_t images, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(images * units * cells);
  for (float &value : values)
    value = valueOf(kind, random);
  return values;
}

/// Shows some images to a statistic, as a backend does.
void show(Statistic &statistic, const std::function<float(int64_t)> &bound, const std::vector<float> &values,
          const std::vector<int64_t> &images) {
  for (const int64_t image : images)
    for (int64_t unit = 0; unit < units; unit++) {
      const float *map = values.data() + (image * units + unit) * cells;
      statistic.observe({unit, image, map, cells, kernels().scan(map, cells, bound(unit))});
    }
}

void show(Tail &tail, const std::vector<float> &values, const std::vector<int64_t> &images) {
  show(tail, [&](int64_t unit) { return tail.bound(unit); }, values, images);
}

std::vector<int64_t> shuffled(int64_t images, uint64_t seed) {
  std::vector<int64_t> order(images);
  for (int64_t i = 0; i < images; i++)
    order[i] = i;
  Random random(seed);
  std::shuffle(order.begin(), order.end(), random.source);
  return order;
}

/// `count` parts of all images, of uneven sizes.
std::vector<std::vector<int64_t>> cut(const std::vector<int64_t> &images, size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<int64_t>> parts(count);
  for (const int64_t image : images)
    parts[random.below(static_cast<int64_t>(count))].push_back(image);
  return parts;
}

std::vector<uint8_t> saved(const Statistic &statistic) {
  Writer out;
  statistic.save(out);
  return out.bytes();
}

void reload(Statistic &statistic, const std::vector<uint8_t> &bytes) {
  Reader in(bytes.data(), bytes.size());
  statistic.load(in);
  CHECK(in.left() == 0);
}

double plainLevel(const std::vector<float> &values, int64_t images, int64_t unit, double quantile) {
  std::vector<float> all;
  for (int64_t image = 0; image < images; image++)
    for (int64_t i = 0; i < cells; i++)
      all.push_back(values[(image * units + unit) * cells + i]);
  std::sort(all.begin(), all.end());
  const double place = (1 - quantile) * static_cast<double>(all.size() - 1);
  const auto low = static_cast<size_t>(std::floor(place));
  const size_t high = std::min(low + 1, all.size() - 1);
  return all[low] + (place - static_cast<double>(low)) * (static_cast<double>(all[high]) - all[low]);
}

using MakeTail = std::function<std::unique_ptr<Tail>()>;

/// Parts merged in any order, each saved and loaded on its way, are the whole: levels, rank errors and bytes.
void partsAreTheWhole(const MakeTail &make, const std::vector<float> &values, int64_t images) {
  const auto whole = make();
  show(*whole, values, shuffled(images, 0));
  for (const uint64_t parts : {2, 5}) {
    const auto together = make();
    for (const std::vector<int64_t> &part : cut(shuffled(images, parts), parts, parts)) {
      const auto some = make(), again = make();
      show(*some, values, part);
      reload(*again, saved(*some));
      CHECK(saved(*again) == saved(*some));
      together->merge(*again);
    }
    CHECK(saved(*together) == saved(*whole));
    for (int64_t unit = 0; unit < units; unit++) {
      CHECK(together->level(unit) == whole->level(unit));
      CHECK(together->rankError(unit) == whole->rankError(unit));
    }
  }
}

} // namespace

TEST_CASE("the buffers' levels are the sorted values', and parts are the whole") {
  for (const std::string &kind : kinds)
    for (const double quantile : {0.005, 0.05, 1.0 / 3, 0.9})
      for (const int64_t images : {1, 7, 120}) {
        CAPTURE(kind);
        CAPTURE(quantile);
        const auto values = valuesFor(kind, images, 1 + images);
        const auto make = [&] { return std::make_unique<UpperTail>(units, images * cells, quantile); };
        const auto tail = make();
        show(*tail, values, shuffled(images, 9));
        for (int64_t unit = 0; unit < units; unit++) {
          CHECK(tail->level(unit) == plainLevel(values, images, unit, quantile));
          CHECK(tail->bound(unit) <= tail->level(unit));
        }
        partsAreTheWhole(make, values, images);
      }
}

TEST_CASE("passes of bins give the sorted values' levels, and parts are the whole in each") {
  for (const std::string &kind : kinds)
    for (const auto &[quantile, bits] : {std::pair{0.005, 16}, {0.4, 16}, {0.4, 11}, {0.005, 8}, {0.9, 8}}) {
      CAPTURE(kind);
      CAPTURE(bits);
      const double part = quantile;
      const int width = bits;
      const int64_t images = 60;
      const auto values = valuesFor(kind, images, 3);
      const auto none = [](int64_t) { return 0.0f; };
      const auto bins = [&] { return std::make_unique<RadixBins>(units, images * cells, part, width); };
      const auto whole = bins();
      std::vector<uint8_t> before = saved(*whole);
      int passes = 1;
      for (bool more = true; more; passes++) {
        const auto together = bins();
        reload(*together, before);
        show(*whole, none, values, shuffled(images, 1));
        for (const auto &some : cut(shuffled(images, 2), 3, 4)) {
          const auto one = bins(), again = bins();
          reload(*one, before);
          show(*one, none, values, some);
          reload(*again, saved(*one));
          together->merge(*again);
        }
        CHECK(saved(*together) == saved(*whole));
        more = whole->next();
        if (more)
          before = saved(*whole);
        else
          before = saved(*together);
      }
      CHECK(passes == RadixBins::passes(width));
      const auto make = [&] {
        const auto again = bins();
        reload(*again, before);
        again->next();
        return std::make_unique<RadixTail>(std::move(*again));
      };
      const auto tail = make();
      show(*tail, values, shuffled(images, 5));
      for (int64_t unit = 0; unit < units; unit++)
        CHECK(tail->level(unit) == plainLevel(values, images, unit, part));
      partsAreTheWhole(make, values, images);
    }
}

TEST_CASE("estimated levels are within their rank error, and parts are the whole") {
  for (const std::string &kind : kinds) {
    CAPTURE(kind);
    const int64_t images = 200;
    const auto values = valuesFor(kind, images, 8);
    partsAreTheWhole([&] { return std::make_unique<HistogramTail>(units, images * cells, 0.02); }, values,
                     images);
  }
}

TEST_CASE("what was merged or loaded goes on with the rest") {
  for (const std::string &kind : kinds) {
    CAPTURE(kind);
    const int64_t images = 80, n = images * cells;
    const auto values = valuesFor(kind, images, 21);
    const std::vector<MakeTail> makers{[&] { return std::make_unique<UpperTail>(units, n, 0.03); },
                                       [&] { return std::make_unique<HistogramTail>(units, n, 0.03); }};
    for (const MakeTail &make : makers) {
      const auto whole = make(), part = make(), merged = make(), loaded = make();
      std::vector<int64_t> first, rest;
      for (int64_t i = 0; i < images; i++)
        (i < 2 ? first : rest).push_back(i);
      show(*whole, values, shuffled(images, 1));
      show(*part, values, first);
      merged->merge(*part);
      show(*merged, values, rest);
      show(*loaded, values, rest); // forgotten again
      reload(*loaded, saved(*part));
      show(*loaded, values, rest);
      CHECK(saved(*merged) == saved(*whole));
      CHECK(saved(*loaded) == saved(*whole));
    }
  }
}

TEST_CASE("a level of which values are missing is refused") {
  const auto values = valuesFor("normal", 10, 5);
  UpperTail upper(units, 20 * cells, 0.9);
  HistogramTail histogram(units, 20 * cells, 0.9);
  RadixBins bins(units, 20 * cells, 0.9);
  show(upper, values, shuffled(10, 1));
  show(histogram, values, shuffled(10, 1));
  show(bins, [](int64_t) { return 0.0f; }, values, shuffled(10, 1));
  CHECK_THROWS_AS(upper.level(0), Failure);
  CHECK_THROWS_AS(histogram.level(0), Failure);
  CHECK_THROWS_AS(bins.next(), Failure);
}

TEST_CASE("saved numbers that are damaged are refused or read, never more") {
  const auto values = valuesFor("few values", 20, 6);
  const int64_t n = 20 * cells;
  Random random(7);
  const auto none = [](int64_t) { return 0.0f; };
  UpperTail upper(units, n, 0.1);
  show(upper, values, shuffled(20, 2));
  TopImages top(units, 5);
  show(top, none, values, shuffled(20, 2));
  const auto attempt = [&](Statistic &into, std::vector<uint8_t> bytes) {
    for (int64_t k = 1 + random.below(3); k > 0; k--)
      bytes[random.below(static_cast<int64_t>(bytes.size()))] ^= static_cast<uint8_t>(1 << random.below(8));
    try {
      Reader in(bytes.data(), bytes.size());
      into.load(in);
    } catch (const Failure &failure) {
      CHECK(failure.code == "ERR_NETDISSECT_STORE");
    }
  };
  for (int round = 0; round < 2000; round++) {
    UpperTail again(units, n, 0.1);
    attempt(again, saved(upper));
    show(again, values, {0, 1, 2});
    try {
      again.level(0);
    } catch (const Failure &) {
    }
    TopImages images(units, 5);
    attempt(images, saved(top));
    show(images, none, values, {3});
  }
}

TEST_CASE("a bound is never over the final level, at any moment") {
  for (const std::string &kind : kinds) {
    const int64_t images = 100, n = images * cells;
    const auto values = valuesFor(kind, images, 12);
    std::vector<std::unique_ptr<Tail>> tails;
    tails.push_back(std::make_unique<UpperTail>(units, n, 0.01));
    tails.push_back(std::make_unique<HistogramTail>(units, n, 0.01));
    for (const auto &tail : tails) {
      std::vector<std::vector<float>> bounds;
      for (int64_t image = 0; image < images; image++) {
        show(*tail, values, {image});
        bounds.push_back({tail->bound(0), tail->bound(1), tail->bound(2)});
      }
      for (size_t i = 0; i < bounds.size(); i++)
        for (int64_t unit = 0; unit < units; unit++) {
          CHECK(bounds[i][unit] <= tail->level(unit));
          CHECK(bounds[i][unit] >= bounds[i ? i - 1 : 0][unit]);
        }
    }
  }
}

/// Fails unless parts of the images, saved and read again, are merged to what one statistic saw of all.
template <class Make>
void samePartsAsWhole(Statistic &whole, const Make &make, const std::vector<float> &values, int64_t images) {
  const auto none = [](int64_t) { return 0.0f; };
  const auto together = make();
  show(whole, none, values, shuffled(images, 3));
  for (const auto &part : cut(shuffled(images, 4), 5, 6)) {
    const auto some = make(), again = make();
    show(*some, none, values, part);
    reload(*again, saved(*some));
    together->merge(*again);
  }
  CHECK(saved(*together) == saved(whole));
}

TEST_CASE("top images: by activation, then by the lower number, in parts as in the whole") {
  const int64_t images = 50;
  for (const std::string &kind : kinds) {
    const auto values = valuesFor(kind, images, 2);
    const auto make = [] { return std::make_unique<TopImages>(units, 7); };
    const auto whole = make();
    samePartsAsWhole(*whole, make, values, images);
    for (int64_t unit = 0; unit < units; unit++) {
      const auto &best = whole->of(unit);
      REQUIRE(best.size() == 7);
      for (size_t i = 1; i < best.size(); i++)
        CHECK((best[i - 1].activation > best[i].activation ||
               (best[i - 1].activation == best[i].activation && best[i - 1].image < best[i].image)));
    }
  }
}

TEST_CASE("largest activations: each image's own, in parts as in the whole") {
  const int64_t images = 50;
  for (const std::string &kind : kinds) {
    const auto values = valuesFor(kind, images, 2);
    const auto make = [&] { return std::make_unique<ImageMaxima>(units, 0, images); };
    const auto whole = make();
    samePartsAsWhole(*whole, make, values, images);
    for (int64_t unit = 0; unit < units; unit++)
      for (int64_t i = 0; i < images; i++) {
        const float *map = values.data() + (i * units + unit) * cells;
        CHECK(whole->of(unit)[i] == *std::max_element(map, map + cells));
      }
    // each part has what it needs for its own images, wherever they begin
    const auto merged = make();
    for (const auto &[first, end] :
         std::vector<std::pair<int64_t, int64_t>>{{33, 50}, {0, 7}, {7, 7}, {7, 33}}) {
      ImageMaxima part(units, first, end), loaded(units, first, end);
      std::vector<int64_t> own(end - first);
      std::iota(own.begin(), own.end(), first);
      show(part, [](int64_t) { return 0.0f; }, values, own);
      CHECK(saved(part).size() == 4 + 3 * 8 + units * (end - first) * sizeof(float));
      reload(loaded, saved(part));
      merged->merge(loaded);
    }
    CHECK(merged->whole());
    for (int64_t unit = 0; unit < units; unit++)
      CHECK(std::equal(merged->of(unit), merged->of(unit) + images, whole->of(unit)));
  }
}

TEST_CASE("correlations are those of the plain formula, whatever the sizes and threads") {
  Random random(9);
  for (const int64_t images : {1, 2, 7, 8, 1023, 1024, 2600}) {
    const int64_t some = 5, more = 9;
    std::vector<float> one(some * images), other(more * images);
    for (float &value : one)
      value = valueOf("normal", random) + 1000;
    for (float &value : other)
      value = valueOf("normal", random);
    std::copy(one.begin(), one.begin() + images, other.begin() + 3 * images);
    for (int64_t i = 0; i < images; i++)
      other[4 * images + i] = -one[images + i];
    std::fill(other.begin() + 5 * images, other.begin() + 6 * images, 0.1f); // of no unit's mean
    const std::vector<double> found = correlations(one.data(), some, other.data(), more, images);
    REQUIRE(found.size() == some * more);
    for (int64_t u = 0; u < some; u++)
      for (int64_t v = 0; v < more; v++) {
        long double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
        for (int64_t i = 0; i < images; i++)
          x += one[u * images + i], y += other[v * images + i];
        for (int64_t i = 0; i < images; i++) {
          const long double a = one[u * images + i] - x / images, b = other[v * images + i] - y / images;
          xx += a * a, yy += b * b, xy += a * b;
        }
        const bool constant = images == 1 || v == 5;
        const auto plain = constant ? 0.0 : static_cast<double>(xy / std::sqrt(xx * yy));
        CHECK(std::abs(found[u * more + v] - plain) < 1e-9);
      }
    CHECK(found[5] == 0);
    setLoopThreads(1);
    CHECK(correlations(one.data(), some, other.data(), more, images) == found);
    setLoopThreads(2);
  }
}

TEST_CASE("what does not belong together is refused") {
  UpperTail tail(units, 100, 0.1), otherUnits(units + 1, 100, 0.1), otherN(units, 101, 0.1);
  TopImages top(units, 3), otherTop(units, 4);
  ImageMaxima maxima(units, 0, 3), otherMaxima(units, 0, 4);
  HistogramTail histogram(units, 100, 0.1);
  const auto refused = [](const std::function<void()> &call) {
    try {
      call();
    } catch (const Failure &failure) {
      return failure.code == "ERR_NETDISSECT_STORE";
    }
    return false;
  };
  CHECK(refused([&] { tail.merge(otherUnits); }));
  CHECK(refused([&] { tail.merge(otherN); }));
  CHECK(refused([&] { tail.merge(histogram); }));
  CHECK(refused([&] { tail.merge(top); }));
  CHECK(refused([&] { top.merge(otherTop); }));
  CHECK(refused([&] { maxima.merge(otherMaxima); }));
  CHECK(refused([&] { maxima.merge(ImageMaxima(units, 1, 4)); }));
  CHECK(refused([&] { otherMaxima.merge(ImageMaxima(units + 1, 1, 4)); }));
  CHECK(refused([&] { reload(maxima, saved(otherMaxima)); }));
  CHECK(refused([&] { reload(tail, saved(otherN)); }));
  CHECK(refused([&] { reload(tail, saved(histogram)); }));
  CHECK(refused([&] { reload(top, saved(otherTop)); }));
  std::vector<uint8_t> bytes = saved(tail);
  for (size_t length = 0; length < bytes.size(); length++)
    CHECK(refused([&] {
      Reader in(bytes.data(), length);
      tail.load(in);
    }));
}
