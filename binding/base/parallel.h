// Parallel loops on the calling thread's team: OpenMP's, which LibTorch uses too.
#pragma once
#include <cstdint>
#include <functional>

namespace netdissect {

/// Calls body(begin, end) over parts of [0, n), each of at least `grain`, on as many threads as the calling
/// thread has for parallel regions. What a part throws is thrown, of several the first.
void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &body);

/// Threads of the calling thread's loops where there is no OpenMP, which has a number of its own.
void setLoopThreads(int threads);

} // namespace netdissect
