#include "base/parallel.h"
#include <ATen/Parallel.h>

namespace netdissect {

void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &body) {
  at::parallel_for(0, n, grain, body);
}

void setThreads(int threads) {
  at::get_num_threads(); // the first call on a thread takes the number that any thread set last
  at::set_num_threads(threads);
}

} // namespace netdissect
