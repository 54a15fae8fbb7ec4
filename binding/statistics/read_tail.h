// Levels' values of whatever kind, as they were saved.
#pragma once
#include "statistics/tail.h"
#include <memory>

namespace netdissect {

/// What a Tail's save() wrote, of so many units with n values in all.
std::unique_ptr<Tail> readTail(Reader &in, int64_t units, int64_t n, double threshold);

} // namespace netdissect
