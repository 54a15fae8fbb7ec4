#include "base/parallel.h"
#include <algorithm>
#include <exception>
#include <mutex>
#ifdef _OPENMP
#include <omp.h>
#else
#include <system_error>
#include <thread>
#include <vector>
#endif

namespace netdissect {

#ifndef _OPENMP
static thread_local int loopThreads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
void setLoopThreads(int threads) { loopThreads = threads; }
#else
void setLoopThreads(int) {}
#endif

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
  const int64_t count = std::min<int64_t>(parts, loopThreads);
  std::vector<std::thread> threads;
  int64_t part = 1;
  try {
    for (; part < count; part++)
      threads.emplace_back(run, part, count);
  } catch (const std::system_error &) { // no more threads are to be had: this one does the rest
  }
  for (; part < count; part++)
    run(part, count);
  run(0, count);
  for (std::thread &thread : threads)
    thread.join();
#endif
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace netdissect
