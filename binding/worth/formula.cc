#include "worth/formula.h"
#include "base/failure.h"
#include "run/plan.h"
#include <algorithm>
#include <cmath>
#include <string>

namespace netdissect {

bool Formula::holds(const LabelSet &set) const {
  const auto has = [&](int32_t code) { return std::binary_search(set.begin(), set.end(), code); };
  bool inside = length > 0 && has(labels[0]);
  for (int i = 1; i < length; i++) {
    const bool next = has(labels[i]);
    switch (operators[i - 1]) {
    case Operator::either:
      inside = inside || next;
      break;
    case Operator::both:
      inside = inside && next;
      break;
    case Operator::butNot:
      inside = inside && !next;
    }
  }
  return inside;
}

double scoreOf(const Formula &formula, int64_t maskPixels) {
  const int64_t either = maskPixels + formula.size - formula.both;
  return either > 0 ? static_cast<double>(formula.both) / static_cast<double>(either) : 0;
}

bool isBetter(const Formula &one, const Formula &other, int64_t maskPixels) {
  __extension__ using Wide = __int128; // products of counts
  const Wide left = Wide{one.both} * (maskPixels + other.size - other.both);
  const Wide right = Wide{other.both} * (maskPixels + one.size - one.both);
  if (left != right)
    return left > right;
  const auto order = [](const Formula &f) { return std::tie(f.length, f.labels, f.operators); };
  return order(one) < order(other);
}

FormulaTables::FormulaTables(const AtomTable &atoms, int length, int64_t memory,
                             const std::function<bool()> &stopped)
    : length_(length), places_(atoms.size()), atomTriples_(atoms.size()) {
  const auto check = [&](size_t step) {
    if (step % 1024 == 0 && stopped())
      throw aborted();
  };
  for (size_t j = 0; j < atoms.size(); j++)
    codes_.insert(codes_.end(), atoms.set(j).begin(), atoms.set(j).end());
  std::sort(codes_.begin(), codes_.end());
  codes_.erase(std::unique(codes_.begin(), codes_.end()), codes_.end());
  const size_t labels = codes_.size();
  double triples = 0; // of all atoms
  for (size_t j = 0; j < atoms.size(); j++) {
    for (const uint16_t code : atoms.set(j))
      places_[j].push_back(
          static_cast<uint32_t>(std::lower_bound(codes_.begin(), codes_.end(), code) - codes_.begin()));
    const auto n = static_cast<double>(places_[j].size());
    triples += n * (n - 1) * (n - 2) / 6;
  }
  const double needed = static_cast<double>(labels) * static_cast<double>(labels) * sizeof(double) * 2 +
                        (length > 2 ? triples * 64 : 0);
  if (needed > static_cast<double>(memory))
    throw Failure("ERR_NETDISSECT_OPTION",
                  "formulas of " + std::to_string(labels) + " labels take " +
                      std::to_string(static_cast<int64_t>(std::ceil(needed / (1 << 20)))) +
                      " MiB for what is counted of them together, more than a quarter of the memory; allow "
                      "more, take fewer categories, or leave formulas out");
  pairs_.resize(labels * labels);
  for (size_t j = 0; j < atoms.size(); j++) {
    check(j);
    area_ += atoms.area(j);
    for (const uint32_t a : places_[j])
      for (const uint32_t b : places_[j])
        pairs_[a * labels + b] += static_cast<double>(atoms.area(j));
  }
  if (length < 3)
    return;
  const auto forEachTriple = [&](size_t j, auto see) {
    const std::vector<uint32_t> &places = places_[j];
    for (size_t a = 0; a < places.size(); a++)
      for (size_t b = a + 1; b < places.size(); b++)
        for (size_t c = b + 1; c < places.size(); c++)
          see(uint64_t{places[a]} << 32 | uint64_t{places[b]} << 16 | places[c]);
  };
  std::vector<uint64_t> keys; // of the triples, ascending
  keys.reserve(static_cast<size_t>(triples));
  for (size_t j = 0; j < atoms.size(); j++) {
    check(j);
    forEachTriple(j, [&](uint64_t key) { keys.push_back(key); });
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  tripleSizes_.resize(keys.size());
  for (size_t j = 0; j < atoms.size(); j++) {
    check(j);
    atomTriples_[j].reserve(places_[j].size() * (places_[j].size() - 1) * (places_[j].size() - 2) / 6);
    forEachTriple(j, [&](uint64_t key) {
      const auto triple = std::lower_bound(keys.begin(), keys.end(), key) - keys.begin();
      tripleSizes_[triple] += static_cast<double>(atoms.area(j));
      atomTriples_[j].push_back(static_cast<uint32_t>(triple));
    });
  }
  thirds_.reserve(3 * keys.size());
  for (size_t triple = 0; triple < keys.size(); triple++) {
    check(triple);
    const auto number = static_cast<uint32_t>(triple);
    const auto place = [&](int shift) { return static_cast<uint32_t>(keys[triple] >> shift & 0xffff); };
    const uint32_t a = place(32), b = place(16), c = place(0);
    thirds_.push_back({a << 16 | b, c, number});
    thirds_.push_back({a << 16 | c, b, number});
    thirds_.push_back({b << 16 | c, a, number});
  }
  std::sort(thirds_.begin(), thirds_.end(),
            [](const Third &one, const Third &other) { return one.pair < other.pair; });
}

FormulaTables::Thirds FormulaTables::thirds(size_t a, size_t b) const {
  struct Order {
    bool operator()(const Third &third, uint32_t pair) const { return third.pair < pair; }
    bool operator()(uint32_t pair, const Third &third) const { return pair < third.pair; }
  };
  const auto [first, last] =
      std::equal_range(thirds_.begin(), thirds_.end(), static_cast<uint32_t>(a << 16 | b), Order());
  return {thirds_.data() + (first - thirds_.begin()), thirds_.data() + (last - thirds_.begin())};
}

void FormulaTables::addMask(const int64_t *atomPixels, std::vector<double> &pairs,
                            std::vector<double> &triples) const {
  const size_t labels = codes_.size();
  for (size_t j = 0; j < places_.size(); j++) {
    if (!atomPixels[j])
      continue;
    const auto pixels = static_cast<double>(atomPixels[j]);
    for (const uint32_t a : places_[j])
      for (const uint32_t b : places_[j])
        pairs[a * labels + b] += pixels;
    for (const uint32_t triple : atomTriples_[j])
      triples[triple] += pixels;
  }
}

} // namespace netdissect
