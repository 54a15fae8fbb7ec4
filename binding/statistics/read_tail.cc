#include "statistics/read_tail.h"
#include "statistics/histogram_tail.h"
#include "statistics/radix_tail.h"
#include "statistics/upper_tail.h"

namespace netdissect {

std::unique_ptr<Tail> readTail(Reader &in, int64_t units, int64_t n, double threshold) {
  std::unique_ptr<Tail> tail;
  switch (in.peek<uint32_t>()) {
  case UpperTail::kind:
    tail = std::make_unique<UpperTail>(units, n, threshold);
    break;
  case HistogramTail::kind:
    if (!HistogramTail::fits(n) || units > HistogramTail::mostUnits(in.left()))
      throw damaged();
    tail = std::make_unique<HistogramTail>(units, n, threshold);
    break;
  case RadixTail::kind:
    return std::make_unique<RadixTail>(in, units, n, threshold);
  default:
    throw damaged();
  }
  tail->load(in);
  return tail;
}

} // namespace netdissect
