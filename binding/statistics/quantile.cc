#include "statistics/quantile.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace netdissect {

QuantileRank::QuantileRank(int64_t n, double threshold) {
  const double place = (1 - threshold) * static_cast<double>(n - 1);
  index = static_cast<int64_t>(std::floor(place));
  fraction = place - static_cast<double>(index);
  fromTop = n - index;
}

double QuantileRank::between(float lower, float upper) const {
  const double low = lower + 0.0; // no -0
  return low + fraction * (upper - low);
}

Tail::Tail(int64_t units, int64_t n, double threshold)
    : rank_(n, threshold), bound_(units, -std::numeric_limits<float>::infinity()) {}

static int64_t capacityFor(int64_t fromTop) { return fromTop + std::max<int64_t>(fromTop / 2, 64); }

UpperTail::UpperTail(int64_t units, int64_t n, double threshold)
    : Tail(units, n, threshold), capacity_(capacityFor(rank_.fromTop)), kept_(units) {}

int64_t UpperTail::bytes(int64_t units, int64_t n, double threshold) {
  return units * capacityFor(QuantileRank(n, threshold).fromTop) * static_cast<int64_t>(sizeof(float));
}

void UpperTail::cut(int64_t unit) {
  std::vector<float> &kept = kept_[unit];
  std::nth_element(kept.begin(), kept.begin() + (rank_.fromTop - 1), kept.end(), std::greater<float>());
  kept.resize(rank_.fromTop);
  bound_[unit] = kept.back();
}

double UpperTail::level(int64_t unit) const {
  std::vector<float> kept = kept_[unit];
  const auto at = kept.begin() + (rank_.fromTop - 1);
  std::nth_element(kept.begin(), at, kept.end(), std::greater<float>());
  // The next larger value, if there is one.
  return rank_.between(*at, rank_.fromTop == 1 ? *at : *std::min_element(kept.begin(), at));
}

/// Unsigned numbers in the order of the values; -0 is 0.
static uint32_t keyOf(float value) {
  value += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float valueOf(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Of histograms over half of a float32's bits.
constexpr int64_t binCount = 65536;

constexpr uint32_t zeroBin = 0x8000;

HistogramTail::HistogramTail(int64_t units, int64_t n, double threshold)
    : Tail(units, n, threshold), bins_(units * binCount), places_(units) {}

void HistogramTail::add(int64_t unit, float value) {
  uint32_t *counts = bins_.data() + unit * binCount;
  Place &place = places_[unit];
  const uint32_t bin = keyOf(value) >> 16;
  if (bin < place.bin)
    return; // the bound has risen since the value was chosen
  counts[bin]++;
  place.count++;
  place.tiny += bin == zeroBin && value > 0;
  if (place.count - counts[place.bin] < rank_.fromTop)
    return;
  do
    place.count -= counts[place.bin++];
  while (place.count - counts[place.bin] >= rank_.fromTop);
  bound_[unit] =
      valueOf((place.bin << 16) - 1); // all values of the bin are over it, but for 0 in its own bin
}

double HistogramTail::level(int64_t unit) const {
  const Place &place = places_[unit];
  if (place.bin == zeroBin)
    return 0;
  const int64_t inside = rankError(unit);
  const double low = valueOf(place.bin << 16), high = valueOf(place.bin << 16 | 0xffff);
  const double above = static_cast<double>(place.count - rank_.fromTop) + 0.5; // x_index among those inside
  return low + (high - low) * above / static_cast<double>(inside);
}

int64_t HistogramTail::rankError(int64_t unit) const {
  const Place &place = places_[unit];
  return place.bin == zeroBin ? place.tiny : bins_[unit * binCount + place.bin];
}

RadixTail::RadixTail(int64_t units, int64_t n, double threshold)
    : Tail(units, n, threshold), bins_(units * binCount), places_(units) {}

int64_t RadixTail::bytes(int64_t units) { return units * binCount * static_cast<int64_t>(sizeof(uint32_t)); }

void RadixTail::count(int64_t unit, const float *values, size_t n) {
  uint32_t *counts = bins_.data() + unit * binCount;
  for (size_t i = 0; i < n; i++)
    counts[keyOf(values[i]) >> 16]++;
}

void RadixTail::resolve() {
  for (size_t unit = 0; unit < places_.size(); unit++) {
    uint32_t *counts = bins_.data() + static_cast<int64_t>(unit) * binCount;
    Place &place = places_[unit];
    place = {0, 0, 0, std::numeric_limits<float>::infinity()};
    while (place.before + counts[place.bin] <= rank_.index)
      place.before += counts[place.bin++];
    place.inside = counts[place.bin];
    bound_[unit] = valueOf(place.bin << 16); // no value of the bin is less
    std::fill_n(counts, binCount, 0);
  }
}

void RadixTail::add(int64_t unit, float value) {
  const uint32_t key = keyOf(value);
  Place &place = places_[unit];
  if (key >> 16 == place.bin)
    bins_[unit * binCount + (key & 0xffff)]++;
  else
    place.next = std::min(place.next, value);
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
