// What runs on a device: passing values of units to their statistics, choosing the cells to keep, and
// counting masks against labels. The same numbers come of every backend.
#pragma once
#include "model/unit_source.h"
#include "statistics/image_maxima.h"
#include "statistics/radix_tail.h"
#include "statistics/top_images.h"
#include "store/block.h"
#include "tally/tally.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace netdissect {

/// Where a value is NaN or infinite: the first image, and of that the first unit.
struct BadValue {
  int64_t image = 0, unit = 0;
};

/// One layer's share of a count.
struct LayerCount {
  const MapGeometry &geometry;
  const std::vector<float> &thresholds; // of the units
  std::vector<BlockView> hot;           // the blocks that hold the images
  LayerTally &tally;
};

class Backend {
public:
  virtual ~Backend() = default;
  /// Who is told what a user should know, from now on.
  virtual void tell(std::function<void(const std::string &)>) {}

  /// What keeps the values that decide a layer's levels on the device, if it has memory for them; else null,
  /// and they are kept on the host. `atOnce`: of a unit's n values, those that take() is given at most.
  virtual std::unique_ptr<Tail> upperTail(int64_t /*units*/, int64_t /*n*/, double /*quantile*/,
                                          int64_t /*atOnce*/) const {
    return nullptr;
  }

  /// Gives a tail of upperTail() its values, before they are given to select(). Called again after it threw
  /// OutOfDeviceMemory it goes on.
  virtual void take(const UnitBatch &, Tail &) const {}
  /// After all values were taken.
  virtual void taken(Tail &) const {}
  /// Bytes of values that can wait where they are: of those that are given to select() after more were taken
  /// by the layers' tails fewer cells are kept. 0 where waiting is of no use.
  virtual int64_t bytesToWait(const std::vector<const Tail *> &) const { return 0; }
  /// Makes values the batch's own, so that nothing else writes to them while they wait.
  virtual void own(UnitBatch &) const {}

  /// The first of two passes: every value to its bin.
  virtual void bin(const UnitBatch &units, RadixBins &bins) const = 0;

  /// Shows the values to the statistics, `maxima` if it is given, and puts the records of the hot cells,
  /// [units, images], into `hot` if it is given.
  virtual std::optional<BadValue> select(const UnitBatch &units, int64_t firstImage, Tail &tail,
                                         TopImages &top, ImageMaxima *maxima, Block *hot) const = 0;

  /// Counts the masks of all layers on some images. `sizes`: how many images each block has.
  virtual void count(const LabelledImages &images, const std::vector<int64_t> &sizes,
                     std::vector<LayerCount> &layers) const = 0;
};

std::unique_ptr<Backend> cpuBackend();

} // namespace netdissect
