// The maps of a batch of units in C order, some units at a time.
#pragma once
#include "kernels/kernels.h"
#include "model/unit_source.h"
#include <algorithm>
#include <limits>
#include <memory>

namespace netdissect {

/// What has its units last is turned over by a few cache lines of units, so that maps of usual size are still
/// in the cache when they are looked at. Holds scratch memory, so one to a thread.
class UnitMaps {
public:
  explicit UnitMaps(const UnitBatch &batch) : batch_(batch), cells_(int64_t{batch.height} * batch.width) {
    constexpr int64_t line = 16;                           // floats that a cache line holds
    constexpr int64_t cached = 512 * 1024 / sizeof(float); // and so many that a core's cache keeps
    if (batch.unitsLast)
      atOnce_ = 2 * line * batch.count * cells_ <= cached ? 2 * line : line;
  }

  /// Calls `work(unit)` for units one after the other; map() gives their maps meanwhile.
  template <class Work> void forEach(int64_t begin, int64_t end, Work work) {
    atOnce_ = std::min(atOnce_, end - begin);
    if (batch_.unitsLast) // not filled with zeros first, as a vector would be
      scratch_.reset(new float[batch_.count * atOnce_ * cells_]);
    for (int64_t first = begin, last; first < end; first = last) {
      last = first + std::min(end - first, atOnce_);
      load(first, last - first);
      for (int64_t unit = first; unit < last; unit++)
        work(unit);
    }
  }
  const float *map(int64_t image, int64_t unit) const {
    return batch_.unitsLast ? scratch_.get() + (image * atOnce_ + unit - first_) * cells_
                            : batch_.values + (image * batch_.units + unit) * cells_;
  }

private:
  void load(int64_t first, int64_t units) {
    first_ = first;
    if (!batch_.unitsLast)
      return;
    for (int64_t i = 0; i < batch_.count; i++)
      kernels().transpose(batch_.values + i * cells_ * batch_.units + first, cells_, units, batch_.units,
                          scratch_.get() + i * atOnce_ * cells_);
  }

  const UnitBatch &batch_;
  int64_t cells_, atOnce_ = std::numeric_limits<int64_t>::max(), first_ = 0;
  std::unique_ptr<float[]> scratch_;
};

} // namespace netdissect
