#include "statistics/radix_tail.h"
#include "statistics/float_order.h"
#include <cmath>
#include <limits>
#include <numeric>

namespace netdissect {

constexpr uint32_t kindOfBins = 2, kind = 4;

RadixBins::RadixBins(int64_t units, int64_t n, double threshold)
    : n_(n), threshold_(threshold), bins_(units * binCount) {}

int64_t RadixBins::bytes(int64_t units) { return units * binCount * static_cast<int64_t>(sizeof(uint32_t)); }

void RadixBins::observe(const UnitMap &map) {
  uint32_t *counts = bins_.data() + map.unit * binCount;
  for (size_t i = 0; i < map.cells; i++)
    counts[keyOf(map.values[i]) >> 16]++;
}

void RadixBins::merge(const Statistic &other) {
  const auto &part = sameKind<RadixBins>(other);
  requireSame(part.bins_.size() == bins_.size() && part.n_ == n_ && part.threshold_ == threshold_);
  for (size_t i = 0; i < bins_.size(); i++)
    bins_[i] += part.bins_[i];
}

void RadixBins::save(Writer &out) const {
  out.put(kindOfBins);
  out.put(n_);
  out.put(threshold_);
  out.put(bins_);
}

void RadixBins::load(Reader &in) {
  in.expect(kindOfBins, "kind of levels");
  in.expect(n_, "number of values");
  in.expect(threshold_, "quantile");
  std::vector<uint32_t> bins = in.list<uint32_t>();
  if (bins.size() != bins_.size())
    throw Failure("ERR_NETDISSECT_STORE", "what was saved has another number of units");
  bins_ = std::move(bins);
}

RadixTail::RadixTail(RadixBins &&first)
    : Tail(static_cast<int64_t>(first.bins_.size()) / binCount, first.n_,
           QuantileRank(first.n_, first.threshold_)),
      bins_(std::move(first.bins_)), places_(bound_.size()) {
  for (int64_t unit = 0; unit < units(); unit++) {
    uint32_t *counts = bins_.data() + unit * binCount;
    Place &place = places_[unit];
    place.next = std::numeric_limits<float>::infinity();
    if (std::accumulate(counts, counts + binCount, int64_t{0}) != n_)
      throw Failure("ERR_NETDISSECT_STORE", "values are missing: a part of the data was not observed");
    while (place.before + counts[place.bin] <= rank_.index)
      place.before += counts[place.bin++];
    place.inside = counts[place.bin];
    bound_[unit] = valueOf(place.bin << 16); // no value of the bin is less
    std::fill_n(counts, binCount, 0);
  }
}

void RadixTail::observe(const UnitMap &map) {
  Place &place = places_[map.unit];
  uint32_t *counts = bins_.data() + map.unit * binCount;
  forEachOver(map, [&](float value) {
    const uint32_t key = keyOf(value);
    if (key >> 16 == place.bin)
      counts[key & 0xffff]++;
    else
      place.next = std::min(place.next, value + 0.0f); // no -0
  });
}

void RadixTail::merge(const Statistic &other) {
  const auto &part = same<RadixTail>(other);
  for (int64_t unit = 0; unit < units(); unit++)
    requireSame(part.places_[unit].bin == places_[unit].bin &&
                part.places_[unit].before == places_[unit].before &&
                part.places_[unit].inside == places_[unit].inside);
  for (int64_t unit = 0; unit < units(); unit++)
    places_[unit].next = std::min(places_[unit].next, part.places_[unit].next);
  for (size_t i = 0; i < bins_.size(); i++)
    bins_[i] += part.bins_[i];
}

void RadixTail::save(Writer &out) const {
  saveNumbers(out, kind);
  for (const Place &place : places_) {
    out.put(place.bin);
    out.put(place.before);
    out.put(place.inside);
    out.put(place.next);
  }
  out.put(bins_);
}

void RadixTail::load(Reader &in) {
  expectNumbers(in, kind);
  std::vector<float> next;
  for (const Place &place : places_) {
    in.expect(place.bin, "first pass");
    in.expect(place.before, "first pass");
    in.expect(place.inside, "first pass");
    next.push_back(in.get<float>());
  }
  std::vector<uint32_t> bins = in.list<uint32_t>();
  if (bins.size() != bins_.size())
    throw damaged();
  for (size_t unit = 0; unit < places_.size(); unit++) {
    const auto at = bins.begin() + static_cast<int64_t>(unit) * binCount;
    if (std::isnan(next[unit]) || std::accumulate(at, at + binCount, int64_t{0}) > places_[unit].inside)
      throw damaged();
  }
  for (size_t unit = 0; unit < places_.size(); unit++)
    places_[unit].next = next[unit];
  bins_ = std::move(bins);
}

double RadixTail::level(int64_t unit) const {
  const Place &place = places_[unit];
  const uint32_t *counts = bins_.data() + unit * binCount;
  int64_t above = 0;
  for (int64_t b = 0; b < binCount; b++)
    above += counts[b];
  // Values equal to the bound are not over it and were not added.
  const auto countOf = [&](uint32_t b) { return counts[b] + (b == 0 ? place.inside - above : 0); };
  uint32_t low = 0;
  int64_t before = place.before;
  while (before + countOf(low) <= rank_.index)
    before += countOf(low++);
  const float lower = valueOf(place.bin << 16 | low);
  if (rank_.fromTop == 1 || before + countOf(low) > rank_.index + 1)
    return rank_.between(lower, lower);
  for (uint32_t next = low + 1; next < binCount; next++)
    if (counts[next])
      return rank_.between(lower, valueOf(place.bin << 16 | next));
  return rank_.between(lower, place.next);
}

} // namespace netdissect
