// Exact levels in one pass whose candidates stay on the device: the k largest values of every unit.
#pragma once
#include "statistics/tail.h"
#include <ATen/core/Tensor.h>
#include <mutex>

namespace netdissect {

/// The same levels as UpperTail's. It is given values by take(), not by observe(), and cannot be kept: a run
/// with a store has its candidates on the host.
class DeviceTail : public Tail {
public:
  /// `atOnce`: values of a unit that take() is given at most. Allocates all that it needs for good.
  DeviceTail(const at::Device &device, int64_t units, int64_t n, double threshold, int64_t atOnce);

  /// Bytes on the device, for good.
  static int64_t bytes(int64_t units, int64_t n, double threshold, int64_t atOnce);
  /// And meanwhile, for each unit that take() is given at once.
  int64_t bytesToTake(int64_t count) const { return full(count) ? bytesToRank() : 0; }

  /// Values [some units, count] of the next units, on the device; as many of each unit, before the first
  /// one's next. Where that fails for want of memory nothing is taken.
  void take(const at::Tensor &values);
  /// The unit whose values are the next.
  int64_t next() const { return next_; }
  /// After all values were taken: no bound could be higher.
  void taken();

  double level(int64_t unit) const override;

  void observe(const UnitMap &) override {}
  void merge(const Statistic &) override { throw notKept(); }
  void save(Writer &) const override { throw notKept(); }
  void load(Reader &) override { throw notKept(); }

private:
  static Failure notKept() {
    return Failure("ERR_NETDISSECT_STORE", "levels whose values are on a device cannot be kept");
  }
  /// Whether with `count` more the largest are told from the rest.
  bool full(int64_t count) const { return held_ + count >= most_; }
  int64_t bytesToRank() const { return 16 * (kept_.size(1) + rank_.fromTop); }
  at::Tensor largest(int64_t begin, int64_t units, int64_t held) const;
  void findEnds() const;

  int64_t most_, held_ = 0; // values of each unit, but for those that were given more
  int64_t next_ = 0;
  at::Tensor kept_; // [units, most and those of one time] float32
  mutable std::once_flag found_;
  mutable std::vector<float> lower_, upper_; // the two values that a level lies between
};

} // namespace netdissect
