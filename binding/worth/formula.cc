#include "worth/formula.h"
#include "base/failure.h"
#include <algorithm>
#include <cmath>
#include <map>
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

FormulaTables::FormulaTables(const AtomTable &atoms, int length, int64_t memory) : length_(length) {
  for (size_t j = 0; j < atoms.size(); j++)
    codes_.insert(codes_.end(), atoms.set(j).begin(), atoms.set(j).end());
  std::sort(codes_.begin(), codes_.end());
  codes_.erase(std::unique(codes_.begin(), codes_.end()), codes_.end());
  const size_t labels = codes_.size();
  double triples = 0; // of all atoms
  for (size_t j = 0; j < atoms.size(); j++) {
    std::vector<uint32_t> &places = places_.emplace_back();
    for (const uint16_t code : atoms.set(j))
      places.push_back(
          static_cast<uint32_t>(std::lower_bound(codes_.begin(), codes_.end(), code) - codes_.begin()));
    const auto n = static_cast<double>(places.size());
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
  atomTriples_.resize(atoms.size());
  std::map<std::array<uint32_t, 3>, uint32_t> numbers;
  for (size_t j = 0; j < atoms.size(); j++) {
    const std::vector<uint32_t> &places = places_[j];
    const auto area = static_cast<double>(atoms.area(j));
    for (const uint32_t a : places)
      for (const uint32_t b : places)
        pairs_[a * labels + b] += area;
    for (size_t a = 0; length > 2 && a < places.size(); a++)
      for (size_t b = a + 1; b < places.size(); b++)
        for (size_t c = b + 1; c < places.size(); c++) {
          const auto [at, isNew] = numbers.try_emplace({places[a], places[b], places[c]},
                                                       static_cast<uint32_t>(tripleSizes_.size()));
          if (isNew)
            tripleSizes_.push_back(0);
          tripleSizes_[at->second] += area;
          atomTriples_[j].push_back(at->second);
        }
  }
  std::map<uint64_t, std::vector<Third>> byPair;
  const auto key = [](uint32_t a, uint32_t b) { return uint64_t{a} << 32 | b; };
  for (const auto &[of, number] : numbers) {
    byPair[key(of[0], of[1])].push_back({of[2], number});
    byPair[key(of[0], of[2])].push_back({of[1], number});
    byPair[key(of[1], of[2])].push_back({of[0], number});
  }
  for (const auto &[pair, own] : byPair) {
    const auto begin = static_cast<uint32_t>(thirds_.size());
    thirds_.insert(thirds_.end(), own.begin(), own.end());
    ofPair_[pair] = {begin, static_cast<uint32_t>(thirds_.size())};
  }
}

FormulaTables::Thirds FormulaTables::thirds(size_t a, size_t b) const {
  const auto at = ofPair_.find(uint64_t{a} << 32 | b);
  if (at == ofPair_.end())
    return {};
  return {thirds_.data() + at->second.first, thirds_.data() + at->second.second};
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
