// The search. A formula F is worth v(F) = |M ∧ F| - s · |F ∧ ¬M|, s the best score so far, which is a sum
// over F's pixels; its score is over s where v(F) is over s · |M|. All of length 1 and 2 are looked at. For
// length 3 every pair of labels gets a bound of what any third label can make of it, pairs are taken by
// falling bounds, and a pair's extensions are all looked at, from the tables, in float64; what comes near the
// best is compared exactly, in whole numbers.
#include "run/plan.h"
#include "worth/formula.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace netdissect {

/// Two labels joined in one of four ways.
struct FormulaSearch::Joined {
  bool allowed = false;
  uint32_t first = 0, second = 0;
  Operator by = Operator::either;
  double both = 0, size = 0;
  double worth = 0;
  // of its intersection with a third label c: so often each of the pixels with a and c, with b and c, with
  // all
  double withA = 0, withB = 0, withAll = 0;
};

FormulaSearch::FormulaSearch(const FormulaTables &tables)
    : tables_(tables), labels_(tables.labels()), mask_(labels_ * labels_), triples_(tables.triples()),
      maskOf_(labels_), allOf_(labels_), maskWith_(labels_), allWith_(labels_) {
  for (size_t a = 0; a < labels_; a++)
    allOf_[a] = tables.pairs(a)[a];
}

double FormulaSearch::needed() const {
  // what is less by no more than rounding may still be as good
  return slope_ * static_cast<double>(maskPixels_) * (1 - 1e-9) - 1e-6 -
         1e-14 * static_cast<double>(tables_.area());
}

void FormulaSearch::offer(const Formula &formula) {
  if (formula.both > 0 && (!best_.length || isBetter(formula, best_, maskPixels_))) {
    best_ = formula;
    slope_ = scoreOf(best_, maskPixels_);
  }
}

void FormulaSearch::singles() {
  for (size_t a = 0; a < labels_; a++) {
    Formula one;
    one.length = 1;
    one.labels[0] = static_cast<int32_t>(a);
    one.both = static_cast<int64_t>(maskOf_[a]);
    one.size = static_cast<int64_t>(allOf_[a]);
    offer(one);
  }
}

/// Of a and b, a before b: a OR b, a AND b, a AND NOT b, b AND NOT a.
static void joinPair(double a, double b, double both, std::array<double, 4> &joined) {
  joined = {a + b - both, both, a - both, b - both};
}

void FormulaSearch::pairs() {
  for (uint32_t a = 0; a < labels_; a++) {
    const double *mask = mask_.data() + a * labels_, *all = tables_.pairs(a);
    for (uint32_t b = a + 1; b < labels_; b++) {
      std::array<double, 4> both, size;
      joinPair(maskOf_[a], maskOf_[b], mask[b], both);
      joinPair(allOf_[a], allOf_[b], all[b], size);
      for (size_t way = 0; way < 4; way++) {
        if (both[way] <= 0 || worth(both[way], size[way]) < needed())
          continue;
        Formula two;
        two.length = 2;
        two.labels = {static_cast<int32_t>(way == 3 ? b : a), static_cast<int32_t>(way == 3 ? a : b), -1};
        two.operators[0] = way == 0 ? Operator::either : way == 1 ? Operator::both : Operator::butNot;
        two.both = static_cast<int64_t>(both[way]);
        two.size = static_cast<int64_t>(size[way]);
        offer(two);
      }
    }
  }
}

/// The most that a third label c can add to a formula with `outside` pixels outside of the mask: the largest
/// t - s · max(0, x - outside), t its pixels in the mask and x those outside. Rounded up, from a table.
class MostAdded {
public:
  MostAdded(const std::vector<std::pair<double, double>> &labels, double slope) {
    for (double outside = 1; outside < 1e18; outside *= 1.5)
      steps_.push_back(outside);
    for (const double outside : steps_) {
      double most = 0;
      for (const auto &[inside, beyond] : labels)
        most = std::max(most, inside - slope * std::max(0.0, beyond - outside));
      added_.push_back(most);
    }
  }
  double operator()(double outside) const {
    const auto at = std::lower_bound(steps_.begin(), steps_.end(), outside);
    return at == steps_.end() ? added_.back() : added_[at - steps_.begin()];
  }

private:
  std::vector<double> steps_, added_;
};

std::vector<FormulaSearch::Pair> FormulaSearch::promisingPairs() const {
  // Of each label: the most that its intersection with another one is worth, has in the mask, and outside.
  std::vector<double> worthy(labels_, 0), inside(labels_, 0), outside(labels_, 0);
  std::vector<std::pair<double, double>> all;
  for (size_t a = 0; a < labels_; a++) {
    const double *mask = mask_.data() + a * labels_, *size = tables_.pairs(a);
    for (size_t c = 0; c < labels_; c++)
      if (c != a) {
        worthy[a] = std::max(worthy[a], worth(mask[c], size[c]));
        inside[a] = std::max(inside[a], mask[c]);
        outside[a] = std::max(outside[a], size[c] - mask[c]);
      }
    if (maskOf_[a] > 0)
      all.emplace_back(maskOf_[a], allOf_[a] - maskOf_[a]);
  }
  const MostAdded mostAdded(all, slope_);
  const auto maskPixels = static_cast<double>(maskPixels_);
  std::vector<Pair> pairs;
  for (uint32_t a = 0; a < labels_; a++)
    for (uint32_t b = a + 1; b < labels_; b++) {
      const double *mask = mask_.data() + a * labels_, *size = tables_.pairs(a);
      const double shared = size[b] - mask[b]; // outside of the mask
      std::array<double, 4> in, of;
      joinPair(maskOf_[a], maskOf_[b], mask[b], in);
      joinPair(allOf_[a], allOf_[b], size[b], of);
      // what is left of each way when a third label cuts it, and the most that one without can cut away
      const std::array<double, 4> cut{std::min(worthy[a] + inside[b], worthy[b] + inside[a]), in[1],
                                      worthy[a] + slope_ * shared, worthy[b] + slope_ * shared};
      const std::array<double, 4> away{outside[a] + outside[b], std::min(outside[a], outside[b]), outside[a],
                                       outside[b]};
      double bound = 0;
      for (size_t way = 0; way < 4; way++) {
        if (in[way] <= 0)
          continue;
        const double beyond = of[way] - in[way], own = worth(in[way], of[way]);
        bound = std::max({bound, own + std::min(mostAdded(beyond), maskPixels - in[way]),
                          std::min(in[way], cut[way]), own + slope_ * std::min(beyond, away[way])});
      }
      if (bound >= needed())
        pairs.push_back({bound, a, b});
    }
  std::sort(pairs.begin(), pairs.end(), [](const Pair &one, const Pair &other) {
    return one.bound != other.bound ? one.bound > other.bound
                                    : std::tie(one.a, one.b) < std::tie(other.a, other.b);
  });
  return pairs;
}

void FormulaSearch::extend(uint32_t a, uint32_t b) {
  const double *maskA = mask_.data() + a * labels_, *maskB = mask_.data() + b * labels_;
  const double *allA = tables_.pairs(a), *allB = tables_.pairs(b);
  const auto thirds = tables_.thirds(a, b);
  for (const auto &third : thirds) {
    maskWith_[third.label] = triples_[third.triple];
    allWith_[third.label] = tables_.tripleSize(third.triple);
  }
  std::array<double, 4> both, size;
  joinPair(maskOf_[a], maskOf_[b], maskA[b], both);
  joinPair(allOf_[a], allOf_[b], allA[b], size);
  std::array<Joined, 4> ways;
  for (size_t way = 0; way < 4; way++) {
    Joined &joined = ways[way];
    joined.allowed = both[way] > 0;
    joined.first = way == 3 ? b : a;
    joined.second = way == 3 ? a : b;
    joined.by = way == 0 ? Operator::either : way == 1 ? Operator::both : Operator::butNot;
    joined.both = both[way];
    joined.size = size[way];
    joined.worth = worth(both[way], size[way]);
    joined.withA = way == 0 || way == 2;
    joined.withB = way == 0 || way == 3;
    joined.withAll = way == 1 ? 1 : -1;
  }
  for (const Joined &joined : ways) {
    if (!joined.allowed)
      continue;
    const double wa = joined.withA, wb = joined.withB, wall = joined.withAll, own = joined.worth;
    const double in = 1 + slope_, out = slope_;
    // the most that any third label makes of it
    double most = 0;
    for (size_t c = 0; c < labels_; c++) {
      const double cut = in * (wa * maskA[c] + wb * maskB[c] + wall * maskWith_[c]) -
                         out * (wa * allA[c] + wb * allB[c] + wall * allWith_[c]);
      const double alone = in * maskOf_[c] - out * allOf_[c];
      most = std::max(most, std::max(cut, std::max(own + alone - cut, own - cut)));
    }
    if (most < needed())
      continue;
    for (uint32_t c = 0; c < labels_; c++) {
      if (c == a || c == b)
        continue;
      const double maskCut = wa * maskA[c] + wb * maskB[c] + wall * maskWith_[c];
      const double allCut = wa * allA[c] + wb * allB[c] + wall * allWith_[c];
      const std::array<std::pair<double, double>, 3> extended{
          {{joined.both + maskOf_[c] - maskCut, joined.size + allOf_[c] - allCut},
           {maskCut, allCut},
           {joined.both - maskCut, joined.size - allCut}}};
      for (size_t by = 0; by < 3; by++) {
        const auto &[in, of] = extended[by];
        if (in <= 0 || worth(in, of) < needed())
          continue;
        Formula three;
        three.length = 3;
        three.labels = {static_cast<int32_t>(joined.first), static_cast<int32_t>(joined.second),
                        static_cast<int32_t>(c)};
        three.operators = {joined.by, static_cast<Operator>(by)};
        three.both = static_cast<int64_t>(in);
        three.size = static_cast<int64_t>(of);
        offer(three);
      }
    }
  }
  for (const auto &third : thirds)
    maskWith_[third.label] = allWith_[third.label] = 0;
}

void FormulaSearch::triples(Clock::time_point deadline, const std::function<bool()> &stopped, double &gap) {
  const std::vector<Pair> pairs = promisingPairs();
  for (size_t i = 0; i < pairs.size(); i++) {
    if (pairs[i].bound < needed())
      return;
    if (i % 64 == 0) {
      if (stopped())
        throw aborted();
      if (Clock::now() >= deadline) {
        // no formula of this pair or of those after it scores more than its bound over |M|
        const double most = std::min(1.0, pairs[i].bound / static_cast<double>(maskPixels_));
        gap = std::max(0.0, most - slope_);
        return;
      }
    }
    extend(pairs[i].a, pairs[i].b);
  }
}

FormulaResult FormulaSearch::run(const int64_t *atomPixels, Clock::time_point deadline,
                                 const std::function<bool()> &stopped) {
  std::fill(mask_.begin(), mask_.end(), 0);
  std::fill(triples_.begin(), triples_.end(), 0);
  tables_.addMask(atomPixels, mask_, triples_);
  for (size_t a = 0; a < labels_; a++)
    maskOf_[a] = mask_[a * labels_ + a];
  maskPixels_ = 0;
  for (size_t j = 0; j < tables_.atoms(); j++)
    maskPixels_ += atomPixels[j];
  best_ = {};
  slope_ = 0;
  FormulaResult result;
  const auto keep = [&] {
    Formula best = best_;
    for (int i = 0; i < best.length; i++)
      best.labels[i] = tables_.code(best.labels[i]);
    result.best.push_back(best);
  };
  singles();
  keep();
  if (best_.length)
    pairs();
  keep();
  if (tables_.length() > 2) {
    if (best_.length)
      triples(deadline, stopped, result.gap);
    keep();
  }
  return result;
}

} // namespace netdissect
