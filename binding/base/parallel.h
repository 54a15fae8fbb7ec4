// LibTorch's own thread pool, without its headers.
#pragma once
#include <cstdint>
#include <functional>

namespace netdissect {

/// Calls body(begin, end) over parts of [0, n), each of at least `grain`, on the engine's threads.
void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &body);

/// Threads of the calling thread's parallel regions.
void setThreads(int threads);

} // namespace netdissect
