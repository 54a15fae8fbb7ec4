#include "statistics/histogram_tail.h"
#include "statistics/float_order.h"

namespace netdissect {

constexpr uint32_t zeroBin = 0x8000;
constexpr uint32_t largestBin = 0xff7f; // of the largest finite value

HistogramTail::HistogramTail(int64_t units, int64_t n, double threshold)
    : HistogramTail(units, n, QuantileRank(n, threshold)) {}

HistogramTail::HistogramTail(int64_t units, int64_t n, const QuantileRank &rank)
    : Tail(units, n, rank), bins_(units * binCount), places_(units) {}

int64_t HistogramTail::mostUnits(size_t bytes) {
  constexpr size_t least = sizeof(uint32_t) + sizeof(int64_t) + sizeof(uint64_t) +
                           (binCount - largestBin) * sizeof(uint32_t); // of one unit
  return static_cast<int64_t>(bytes / least);
}

void HistogramTail::observe(const UnitMap &map) {
  forEachOver(map, [&](float value) { add(map.unit, value); });
}

void HistogramTail::add(int64_t unit, float value) {
  uint32_t *counts = bins_.data() + unit * binCount;
  Place &place = places_[unit];
  const uint32_t bin = keyOf(value) >> 16;
  if (bin < place.bin)
    return; // the bound has risen since the value was chosen
  counts[bin]++;
  place.count++;
  place.tiny += bin == zeroBin && value > 0;
  if (place.count - counts[place.bin] >= rank_.fromTop)
    rise(unit);
}

/// To the bin that the level lies in, of the values so far.
void HistogramTail::rise(int64_t unit) {
  const uint32_t *counts = bins_.data() + unit * binCount;
  Place &place = places_[unit];
  while (place.count - counts[place.bin] >= rank_.fromTop)
    place.count -= counts[place.bin++];
  // all values of the bin are over it, but for 0 in its own bin
  if (place.bin)
    bound_[unit] = valueOf((place.bin << 16) - 1);
}

void HistogramTail::merge(const Statistic &other) {
  const auto &part = same<HistogramTail>(other);
  for (int64_t unit = 0; unit < units(); unit++) {
    uint32_t *counts = bins_.data() + unit * binCount;
    const uint32_t *more = part.bins_.data() + unit * binCount;
    Place &place = places_[unit];
    const uint32_t from = std::max(place.bin, part.places_[unit].bin);
    for (; place.bin < from; place.bin++)
      place.count -= counts[place.bin];
    for (uint32_t bin = from; bin < binCount; bin++) {
      counts[bin] += more[bin];
      place.count += more[bin];
    }
    place.tiny += part.places_[unit].tiny;
    rise(unit);
  }
}

void HistogramTail::save(Writer &out) const {
  saveNumbers(out, kind);
  for (int64_t unit = 0; unit < units(); unit++) {
    const Place &place = places_[unit];
    // As many values of 0 are counted as came before the bound rose to it: what is saved is how many are not
    // 0.
    const int64_t tiny = place.bin <= zeroBin ? place.tiny : 0;
    out.put(place.bin);
    out.put(tiny);
    std::vector<uint32_t> counts(bins_.begin() + unit * binCount + place.bin,
                                 bins_.begin() + (unit + 1) * binCount);
    if (place.bin == zeroBin)
      counts[0] = static_cast<uint32_t>(tiny);
    out.put(counts);
  }
}

void HistogramTail::load(Reader &in) {
  expectNumbers(in, kind);
  HistogramTail read(units(), n_, rank_);
  for (int64_t unit = 0; unit < units(); unit++) {
    Place &place = read.places_[unit];
    place.bin = in.get<uint32_t>();
    place.tiny = in.get<int64_t>();
    const std::vector<uint32_t> counts = in.list<uint32_t>();
    if (place.bin > largestBin || counts.size() != static_cast<size_t>(binCount - place.bin))
      throw damaged();
    std::copy(counts.begin(), counts.end(), read.bins_.data() + unit * binCount + place.bin);
    for (const uint32_t count : counts)
      place.count += count;
    if (place.count > n_ || place.tiny < 0 || place.tiny > place.count)
      throw damaged();
    read.rise(unit);
  }
  bound_ = std::move(read.bound_);
  bins_ = std::move(read.bins_);
  places_ = std::move(read.places_);
}

double HistogramTail::level(int64_t unit) const {
  const Place &place = places_[unit];
  if (place.bin != zeroBin) // where values of 0 are not counted
    requireValues(place.count);
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

} // namespace netdissect
