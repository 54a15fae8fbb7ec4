#include "statistics/radix_tail.h"
#include "statistics/float_order.h"
#include <cmath>
#include <limits>
#include <numeric>

namespace netdissect {

constexpr uint32_t kindOfBins = 2;

/// The last `count` bits set.
static uint32_t mask(int count) { return count == 32 ? ~0u : (1u << count) - 1; }

static void put(Writer &out, const std::vector<RadixPlace> &places) {
  for (const RadixPlace &place : places) {
    out.put(place.prefix);
    out.put(place.before);
    out.put(place.inside);
  }
}

/// With so many bits known, of n values, the level being that with `index` less.
static std::vector<RadixPlace> placesOf(Reader &in, size_t units, int known, int64_t index, int64_t n) {
  std::vector<RadixPlace> places(units);
  for (RadixPlace &place : places) {
    place.prefix = in.get<uint32_t>();
    place.before = in.get<int64_t>();
    place.inside = in.get<int64_t>();
    if (place.prefix > mask(known) || place.before < 0 || place.inside < 1 || place.before > index ||
        index - place.before >= place.inside || place.inside > n - place.before)
      throw damaged();
  }
  return places;
}

RadixBins::RadixBins(int64_t units, int64_t n, double threshold, int bits)
    : units_(units), n_(n), threshold_(threshold), bits_(bits), places_(units), bins_(units << bits) {
  for (RadixPlace &place : places_)
    place.inside = n;
}

void RadixBins::observe(const UnitMap &map) {
  uint64_t *counts = bins_.data() + (map.unit << bits_);
  const int shift = 32 - done_ - bits_;
  if (done_ == 0) {
    for (size_t i = 0; i < map.cells; i++)
      counts[keyOf(map.values[i]) >> shift]++;
    return;
  }
  const uint32_t prefix = places_[map.unit].prefix;
  for (size_t i = 0; i < map.cells; i++) {
    const uint32_t key = keyOf(map.values[i]);
    if (key >> (32 - done_) == prefix)
      counts[key >> shift & mask(bits_)]++;
  }
}

void RadixBins::merge(const Statistic &other) {
  const auto &part = sameKind<RadixBins>(other);
  requireSame(part.bins_.size() == bins_.size() && part.n_ == n_ && part.threshold_ == threshold_ &&
              part.bits_ == bits_ && part.done_ == done_ && part.places_ == places_);
  for (size_t i = 0; i < bins_.size(); i++)
    bins_[i] += part.bins_[i];
}

void RadixBins::save(Writer &out) const {
  out.put(kindOfBins);
  out.put(n_);
  out.put(threshold_);
  out.put(bits_);
  out.put(done_);
  put(out, places_);
  out.put(bins_);
}

void RadixBins::load(Reader &in) {
  in.expect(kindOfBins, "kind of levels");
  in.expect(n_, "number of values");
  in.expect(threshold_, "quantile");
  in.expect(bits_, "number of bits");
  const auto done = in.get<int>();
  if (done < 0 || done % bits_ || done + bits_ >= 32)
    throw damaged();
  std::vector<RadixPlace> places = placesOf(in, places_.size(), done, QuantileRank(n_, threshold_).index, n_);
  std::vector<uint64_t> bins = in.list<uint64_t>();
  if (bins.size() != bins_.size())
    throw Failure("ERR_NETDISSECT_STORE", "what was saved has another number of units");
  for (const uint64_t count : bins)
    if (count > static_cast<uint64_t>(n_))
      throw damaged();
  done_ = done;
  places_ = std::move(places);
  bins_ = std::move(bins);
}

void RadixBins::resolve() {
  const int64_t index = QuantileRank(n_, threshold_).index;
  for (int64_t unit = 0; unit < units_; unit++) {
    const uint64_t *counts = bins_.data() + (unit << bits_);
    RadixPlace &place = places_[unit];
    if (std::accumulate(counts, counts + (int64_t{1} << bits_), uint64_t{0}) !=
        static_cast<uint64_t>(place.inside))
      throw valuesMissing();
    uint32_t bin = 0;
    while (place.before + static_cast<int64_t>(counts[bin]) <= index)
      place.before += static_cast<int64_t>(counts[bin++]);
    place.inside = static_cast<int64_t>(counts[bin]);
    place.prefix = place.prefix << bits_ | bin;
  }
  done_ += bits_;
}

bool RadixBins::next() {
  resolve();
  std::fill(bins_.begin(), bins_.end(), 0);
  return 32 - done_ > bits_;
}

RadixTail::RadixTail(RadixBins &&before)
    : Tail(before.units_, before.n_, QuantileRank(before.n_, before.threshold_)), rest_(32 - before.done_),
      places_(std::move(before.places_)), next_(places_.size(), std::numeric_limits<float>::infinity()),
      bins_(std::move(before.bins_)) {
  bins_.assign(units() << rest_, 0);
  for (int64_t unit = 0; unit < units(); unit++)
    bound_[unit] = valueOf(places_[unit].prefix << rest_); // no value that begins so is less
}

RadixTail::RadixTail(Reader &in, int64_t units, int64_t n, double threshold)
    : Tail(units, n, QuantileRank(n, threshold)) {
  expectNumbers(in, kind);
  rest_ = in.get<int>();
  if (rest_ < 1 || rest_ > 16)
    throw damaged();
  if (in.left() < (static_cast<size_t>(units) << rest_) * sizeof(uint64_t)) // before so much is allocated
    throw damaged();
  places_ = placesOf(in, units, 32 - rest_, rank_.index, n);
  bins_.resize(units << rest_);
  next_.resize(units);
  for (int64_t unit = 0; unit < units; unit++)
    bound_[unit] = valueOf(places_[unit].prefix << rest_);
  loadCounts(in);
}

void RadixTail::observe(const UnitMap &map) {
  const uint32_t prefix = places_[map.unit].prefix;
  uint64_t *counts = bins_.data() + (map.unit << rest_);
  float &next = next_[map.unit];
  forEachOver(map, [&](float value) {
    const uint32_t key = keyOf(value);
    if (key >> rest_ == prefix)
      counts[key & mask(rest_)]++;
    else
      next = std::min(next, value + 0.0f); // no -0
  });
}

void RadixTail::merge(const Statistic &other) {
  const auto &part = same<RadixTail>(other);
  requireSame(part.rest_ == rest_ && part.places_ == places_);
  for (int64_t unit = 0; unit < units(); unit++)
    next_[unit] = std::min(next_[unit], part.next_[unit]);
  for (size_t i = 0; i < bins_.size(); i++)
    bins_[i] += part.bins_[i];
}

void RadixTail::save(Writer &out) const {
  saveNumbers(out, kind);
  out.put(rest_);
  put(out, places_);
  out.put(next_);
  out.put(bins_);
}

void RadixTail::load(Reader &in) {
  expectNumbers(in, kind);
  in.expect(rest_, "number of bits");
  if (!(placesOf(in, places_.size(), 32 - rest_, rank_.index, n_) == places_))
    throw Failure("ERR_NETDISSECT_STORE", "what was saved has another first pass");
  loadCounts(in);
}

void RadixTail::loadCounts(Reader &in) {
  std::vector<float> next = in.list<float>();
  std::vector<uint64_t> bins = in.list<uint64_t>();
  if (bins.size() != bins_.size() || next.size() != next_.size())
    throw damaged();
  for (size_t unit = 0; unit < places_.size(); unit++) {
    uint64_t sum = 0;
    for (size_t b = unit << rest_; b < (unit + 1) << rest_; b++)
      if (bins[b] > static_cast<uint64_t>(n_) ||
          (sum += bins[b]) > static_cast<uint64_t>(places_[unit].inside))
        throw damaged();
    if (std::isnan(next[unit]))
      throw damaged();
  }
  next_ = std::move(next);
  bins_ = std::move(bins);
}

double RadixTail::level(int64_t unit) const {
  const RadixPlace &place = places_[unit];
  const uint64_t *counts = bins_.data() + (unit << rest_);
  const uint32_t most = mask(rest_);
  const auto above = static_cast<int64_t>(std::accumulate(counts, counts + most + 1, uint64_t{0}));
  if (above > place.inside)
    throw Failure(
        "ERR_NETDISSECT_STORE",
        "activations differ between passes; observe all parts again, with the same processors and threads");
  // Values equal to the bound are not over it and were not added.
  const auto countOf = [&](uint32_t b) {
    return static_cast<int64_t>(counts[b]) + (b == 0 ? place.inside - above : 0);
  };
  uint32_t low = 0;
  int64_t before = place.before;
  while (before + countOf(low) <= rank_.index)
    before += countOf(low++);
  const float lower = valueOf(place.prefix << rest_ | low);
  if (rank_.fromTop == 1 || before + countOf(low) > rank_.index + 1)
    return rank_.between(lower, lower);
  for (uint32_t next = low + 1; next <= most; next++)
    if (counts[next])
      return rank_.between(lower, valueOf(place.prefix << rest_ | next));
  return rank_.between(lower, next_[unit]);
}

} // namespace netdissect
