#include "base/parallel.h"
#include <algorithm>
#include <exception>
#include <mutex>
#ifdef _OPENMP
#include <omp.h>
#else
#include <thread>
#include <vector>
#endif

namespace netdissect {

void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &body) {
  if (n <= 0)
    return;
  const int64_t parts = (n + std::max<int64_t>(grain, 1) - 1) / std::max<int64_t>(grain, 1);
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&](int64_t part, int64_t count) {
    const int64_t size = (n + count - 1) / count, begin = part * size;
    if (begin >= n)
      return;
    try {
      body(begin, std::min(n, begin + size));
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure)
        failure = std::current_exception();
    }
  };
#ifdef _OPENMP
  const int threads =
      omp_in_parallel() ? 1 : static_cast<int>(std::min<int64_t>(omp_get_max_threads(), parts));
  if (threads == 1)
    return body(0, n);
#pragma omp parallel num_threads(threads)
  run(omp_get_thread_num(), omp_get_num_threads());
#else
  // for the sanitizers, which do not know what OpenMP's threads wait for
  const int64_t count = std::min<int64_t>(parts, std::max(3u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (int64_t part = 1; part < count; part++)
    threads.emplace_back(run, part, count);
  run(0, count);
  for (std::thread &thread : threads)
    thread.join();
#endif
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace netdissect
