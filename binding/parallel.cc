#include "parallel.h"
#include <ATen/Parallel.h>

namespace netdissect {

void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &body) {
  at::parallel_for(0, n, grain, body);
}

} // namespace netdissect
