// The best formulas of the units of a dissection. Their masks are counted by atom, some units at a time as
// the memory takes; what they are on other images than those with any label is left out.
#pragma once
#include "worth/bootstrap.h"
#include "worth/formula.h"
#include <atomic>
#include <vector>

namespace netdissect {

struct FormulaOptions {
  int length = 2;     // 2 or 3
  double seconds = 0; // for the search of all layers
  Bootstrap bootstrap;
};

/// What came of a unit.
struct UnitFormulas : FormulaResult {
  int64_t maskPixels = 0;
  int64_t images = 0; // that have any pixel of the best formula
  Interval interval;  // of its IoU; of no use where there are no replicates
};

/// Of all units of all layers. `searched` counts them while they are searched.
std::vector<std::vector<UnitFormulas>> findFormulas(const Counted &counted, const FormulaOptions &options,
                                                    const std::atomic<bool> &stopping,
                                                    std::atomic<int64_t> &searched);

} // namespace netdissect
