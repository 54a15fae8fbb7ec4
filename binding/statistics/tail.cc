#include "statistics/tail.h"
#include <limits>

namespace netdissect {

Tail::Tail(int64_t units, int64_t n, double threshold)
    : n_(n), rank_(n, threshold), bound_(units, -std::numeric_limits<float>::infinity()) {}

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
