// What is kept of all the units' activations while they pass: levels' candidates and top images. Parts of the
// data can be observed apart and merged, in any order; what was saved goes on where it was.
#pragma once
#include "base/bytes.h"
#include "kernels/kernels.h"
#include <cstdint>

namespace netdissect {

/// One unit's map on one image in C order; finite throughout where it was scanned.
struct UnitMap {
  int64_t unit, image;
  const float *values;
  size_t cells;
  Scan scan; // by a bound that is not over the statistic's
};

class Statistic {
public:
  virtual ~Statistic() = default;
  Statistic() = default;
  Statistic(const Statistic &) = delete;
  Statistic &operator=(const Statistic &) = delete;

  /// From different threads for different units.
  virtual void observe(const UnitMap &map) = 0;
  /// Adds what another one has seen of other images; both are of one kind and were made with the same
  /// numbers.
  virtual void merge(const Statistic &other) = 0;
  /// The same bytes whatever the order that the images came in.
  virtual void save(Writer &out) const = 0;
  /// Takes the place of all that was seen; throws where what was saved was made with other numbers.
  virtual void load(Reader &in) = 0;
};

/// The other one as one of the same kind.
template <class Kind> const Kind &sameKind(const Statistic &other) {
  const auto *same = dynamic_cast<const Kind *>(&other);
  if (!same)
    throw Failure("ERR_NETDISSECT_STORE", "statistics of different kinds cannot be merged");
  return *same;
}

/// Where a level is asked for too early.
inline Failure valuesMissing() {
  return Failure("ERR_NETDISSECT_STORE", "values are missing: a part of the data was not observed");
}

/// For saved numbers that cannot be.
inline Failure damaged() { return Failure("ERR_NETDISSECT_STORE", "what was saved is damaged"); }

/// For statistics that were made with other numbers.
inline void requireSame(bool same) {
  if (!same)
    throw Failure("ERR_NETDISSECT_STORE", "statistics of different layers or quantiles cannot be merged");
}

} // namespace netdissect
