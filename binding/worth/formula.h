// Formulas that join labels, and the exact search for a unit's best one. Source: Mu and Andreas,
// Compositional Explanations of Neurons (NeurIPS 2020), for the formulas and their score.
#pragma once
#include "worth/atoms.h"
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace netdissect {

enum class Operator : uint8_t { either, both, butNot }; // a OR b, a AND b, a AND NOT b

/// `((l0 op0 l1) op1 l2)`, as long as `length` says, of different labels; and what is counted of it.
struct Formula {
  int length = 0; // 0: none
  std::array<int32_t, 3> labels{-1, -1, -1};
  std::array<Operator, 2> operators{Operator::either, Operator::either};
  int64_t both = 0; // pixels of mask and formula
  int64_t size = 0; // pixels of the formula

  /// Whether a pixel with these labels, ascending, is in it.
  bool holds(const LabelSet &set) const;
};

/// IoU `both / (mask + size - both)` of a mask with so many pixels.
double scoreOf(const Formula &formula, int64_t maskPixels);
/// Whether one is better: by score, exactly; then the shorter one; then that with lower labels in the order
/// in which they are written; then OR before AND before AND NOT.
bool isBetter(const Formula &one, const Formula &other, int64_t maskPixels);

/// What formulas of any unit are counted from: pixels of labels, of pairs and of triples of them. Labels that
/// no pixel carries are left out; the others have places, in the order of their codes.
class FormulaTables {
public:
  /// `length`: 2 or 3. Throws ERR_NETDISSECT_OPTION where more than `memory` bytes are needed, and ABORT_ERR
  /// where `stopped` says so.
  FormulaTables(const AtomTable &atoms, int length, int64_t memory, const std::function<bool()> &stopped);

  int length() const { return length_; }
  size_t labels() const { return codes_.size(); }
  size_t triples() const { return tripleSizes_.size(); }
  /// Pixels of all images.
  int64_t area() const { return area_; }
  int32_t code(size_t place) const { return codes_[place]; }
  /// Pixels with both, [labels, labels]; of the diagonal those with one.
  const double *pairs(size_t place) const { return pairs_.data() + place * codes_.size(); }

  /// A third label that some pixels carry together with two, and the triple's number.
  struct Third {
    uint32_t pair, label, triple; // the first label << 16 | the second
  };
  struct Thirds {
    const Third *first = nullptr, *last = nullptr;
    const Third *begin() const { return first; }
    const Third *end() const { return last; }
  };
  Thirds thirds(size_t a, size_t b) const; // a < b
  double tripleSize(uint32_t triple) const { return tripleSizes_[triple]; }

  /// Pixels of one mask by atom, as pixels by label, pair and triple.
  void addMask(const int64_t *atomPixels, std::vector<double> &pairs, std::vector<double> &triples) const;
  size_t atoms() const { return places_.size(); }
  /// Of memory that a search takes.
  int64_t searchBytes() const {
    return static_cast<int64_t>((pairs_.size() + tripleSizes_.size()) * sizeof(double));
  }

private:
  int length_;
  std::vector<int32_t> codes_;
  std::vector<double> pairs_, tripleSizes_;
  std::vector<std::vector<uint32_t>> places_, atomTriples_; // of each atom
  std::vector<Third> thirds_;                               // of pairs in ascending order
  int64_t area_ = 0;
};

struct FormulaResult {
  std::vector<Formula> best; // of length up to 1, 2, ...; labels are codes
  double gap = 0;            // how much higher the score of a formula could be that was not looked at
};

using Clock = std::chrono::steady_clock;

/// The best formulas of one mask. Ends at `deadline` with what it has. Throws ABORT_ERR where `stopped` says
/// so.
class FormulaSearch {
public:
  explicit FormulaSearch(const FormulaTables &tables); // holds scratch memory, so one to a thread
  FormulaResult run(const int64_t *atomPixels, Clock::time_point deadline,
                    const std::function<bool()> &stopped);

private:
  struct Pair {
    double bound; // of what any formula with a third label is worth
    uint32_t a, b;
  };
  /// The four ways to join two labels, which a third one can join.
  struct Joined;

  void offer(const Formula &formula);
  void singles();
  void pairs();
  void triples(Clock::time_point deadline, const std::function<bool()> &stopped, double &gap);
  std::vector<Pair> promisingPairs() const;
  void extend(uint32_t a, uint32_t b);
  double worth(double both, double size) const { return both - slope_ * (size - both); }
  double needed() const; // what a formula must be worth to be as good as the best

  const FormulaTables &tables_;
  const size_t labels_;
  std::vector<double> mask_, triples_; // as pairs and triples of the tables, of the mask
  int64_t maskPixels_ = 0;
  double slope_ = 0; // the best score
  Formula best_;
  std::vector<double> maskOf_, allOf_;     // pixels of each label: of the mask, and all
  std::vector<double> maskWith_, allWith_; // the same of a pair and each label
};

} // namespace netdissect
