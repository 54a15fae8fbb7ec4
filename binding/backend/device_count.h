// Counting on a device, whatever counts there: what is kept of the images becomes work for it, and its counts
// the tallies.
#pragma once
#include "backend/backend.h"
#include "tally/mask_counter.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace netdissect {

/// Makes a counter, or throws a Failure that says why there is none.
struct CounterWay {
  std::string name;
  std::function<std::unique_ptr<MaskCounter>()> make;
};

class DeviceCount {
public:
  /// The first of the ways that can be made and counts a small sample as the processor does is taken when
  /// something is first counted; else the processor. `notice` is told of each that is not.
  DeviceCount(std::vector<CounterWay> ways, std::function<void(const std::string &)> notice);

  void count(const LabelledImages &images, const std::vector<int64_t> &sizes,
             std::vector<LayerCount> &layers);
  /// What counts; once something was counted.
  const std::string &how() const { return how_; }

private:
  void choose();
  void countLayer(const LabelledImages &images, const std::vector<int64_t> &sizes, LayerCount &layer);

  std::vector<CounterWay> ways_;
  std::function<void(const std::string &)> notice_;
  bool chosen_ = false;
  std::string how_;
  std::unique_ptr<MaskCounter> counter_; // null: the processor
  std::unique_ptr<Backend> processor_;
};

/// What a counter gets wrong of a small sample, or nothing.
std::string faultOfCounter(MaskCounter &counter);

} // namespace netdissect
