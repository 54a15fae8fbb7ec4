#include "statistics/upper_tail.h"
#include "base/parallel.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace netdissect {

static int64_t capacityFor(int64_t fromTop) { return fromTop + std::max<int64_t>(fromTop / 2, 64); }

UpperTail::UpperTail(int64_t units, int64_t n, double threshold)
    : Tail(units, n, QuantileRank(n, threshold)), capacity_(capacityFor(rank_.fromTop)), kept_(units) {}

int64_t UpperTail::bytes(int64_t units, int64_t n, double threshold) {
  return units * capacityFor(QuantileRank(n, threshold).fromTop) * static_cast<int64_t>(sizeof(float));
}

void UpperTail::observe(const UnitMap &map) {
  forEachOver(map, [&](float value) { add(map.unit, value); });
}

void UpperTail::cut(int64_t unit) {
  std::vector<float> &kept = kept_[unit];
  std::nth_element(kept.begin(), kept.begin() + (rank_.fromTop - 1), kept.end(), std::greater<float>());
  kept.resize(rank_.fromTop);
  bound_[unit] = kept.back();
}

void UpperTail::merge(const Statistic &other) {
  const auto &part = same<UpperTail>(other);
  for (int64_t unit = 0; unit < units(); unit++)
    for (const float value : part.kept_[unit])
      if (value > bound_[unit])
        add(unit, value);
}

void UpperTail::save(Writer &out) const {
  saveNumbers(out, kind);
  constexpr int64_t atOnce = 64;
  for (int64_t begin = 0; begin < units(); begin += atOnce) {
    const int64_t end = std::min(units(), begin + atOnce);
    std::vector<std::vector<float>> some(kept_.begin() + begin, kept_.begin() + end);
    parallelFor(end - begin, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        std::vector<float> &kept = some[i];
        for (float &value : kept)
          value += 0.0f; // no -0
        if (static_cast<int64_t>(kept.size()) > rank_.fromTop) {
          std::nth_element(kept.begin(), kept.begin() + rank_.fromTop, kept.end(), std::greater<float>());
          kept.resize(rank_.fromTop);
        }
        std::sort(kept.begin(), kept.end(), std::greater<float>());
      }
    });
    for (const std::vector<float> &kept : some)
      out.put(kept);
  }
}

void UpperTail::load(Reader &in) {
  expectNumbers(in, kind);
  std::vector<std::vector<float>> kept(kept_.size());
  std::vector<float> bound(kept_.size(), -std::numeric_limits<float>::infinity());
  for (size_t unit = 0; unit < kept.size(); unit++) {
    kept[unit] = in.list<float>();
    const auto finite = [](float value) { return std::isfinite(value); };
    if (static_cast<int64_t>(kept[unit].size()) > rank_.fromTop ||
        !std::all_of(kept[unit].begin(), kept[unit].end(), finite) ||
        !std::is_sorted(kept[unit].rbegin(), kept[unit].rend()))
      throw damaged();
    if (static_cast<int64_t>(kept[unit].size()) == rank_.fromTop)
      bound[unit] = kept[unit].back();
  }
  kept_ = std::move(kept);
  bound_ = std::move(bound);
}

double UpperTail::level(int64_t unit) const {
  std::vector<float> kept = kept_[unit];
  requireValues(static_cast<int64_t>(kept.size()));
  const auto at = kept.begin() + (rank_.fromTop - 1);
  std::nth_element(kept.begin(), at, kept.end(), std::greater<float>());
  // The next larger value, if there is one.
  return rank_.between(*at, rank_.fromTop == 1 ? *at : *std::min_element(kept.begin(), at));
}

} // namespace netdissect
