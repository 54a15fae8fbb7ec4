#include "statistics/tail.h"
#include <limits>

namespace netdissect {

Tail::Tail(int64_t units, int64_t n, const QuantileRank &rank)
    : n_(n), rank_(rank), bound_(units, -std::numeric_limits<float>::infinity()) {}

void Tail::requireValues(int64_t count) const {
  if (count < rank_.fromTop)
    throw valuesMissing();
}

void Tail::saveNumbers(Writer &out, uint32_t kind) const {
  out.put(kind);
  out.put(units());
  out.put(n_);
  out.put(rank_.fromTop);
}

void Tail::expectNumbers(Reader &in, uint32_t kind) const {
  in.expect(kind, "kind of levels");
  in.expect(units(), "number of units");
  in.expect(n_, "number of values");
  in.expect(rank_.fromTop, "quantile");
}

} // namespace netdissect
