// One dissection from its first image to its results: which phase it is in, and what may be called then.
#pragma once
#include "run/levelled.h"
#include "run/pass.h"
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace netdissect {

/// Calls come one after the other, from one thread, but for those that say otherwise. One that is out of
/// order throws ERR_NETDISSECT_USAGE and changes nothing; after any other error the dissection is over.
class Dissection {
public:
  /// Runs one image of zeros, which tells the layers' shapes, and whether the model takes images of this
  /// size.
  Dissection(const OpenUnits &open, DissectionOptions options, std::unique_ptr<Backend> backend,
             const std::atomic<bool> *stopping = nullptr);
  /// What was kept in some folders, of one observation's images, in order. `labels` are those that were kept;
  /// the options' may be fewer, and the quantile smaller.
  Dissection(std::vector<LayerShape> layers, DissectionOptions options, const LabelTable &labels,
             const std::vector<std::string> &folders, std::unique_ptr<Backend> backend,
             const std::atomic<bool> *stopping);

  /// How often all of the data has to pass: observe() all of it, and finish(), that many times.
  int passes() const { return passes_; }
  /// The pass that is under way, from 1 on; that of an observation that was kept, when it goes on.
  int pass() const { return plan_->pass; }
  const std::vector<LayerShape> &layers() const { return plan_->layers; }
  void observe(const Batch &batch, const std::atomic<bool> &stopping);
  /// Ends a pass; the last one makes the levels final. Of a part of the images, `others` are where those of
  /// the other parts are kept: a pass before the last ends when all of these are through it, and the places
  /// in `others` of those that are not are returned; the last one ends with what is kept.
  std::vector<size_t> finish(const std::vector<std::string> &others = {});
  /// Counts about that many more images; returns how many are counted.
  int64_t count(int64_t images);
  /// What came of it; from any thread.
  std::shared_ptr<const Counted> counted(const char *call) const;

  /// How many images of this pass are through; from any thread.
  int64_t observed() const { return plan_->progress.observed; }
  /// Ends observe() and finish() at the next chance; from any thread.
  void cancel() { plan_->progress.cancelled = true; }
  const DissectionOptions &options() const { return plan_->options; }
  /// What a user should know of how the model runs so far, a sentence each; from any thread.
  std::vector<std::string> notices() const { return plan_->notices.all(); }
  const Profile &profile() const { return plan_->profile; }
  StoreProfile storeProfile() const;
  int64_t spilledBytes() const;
  /// Of memory that is held.
  int64_t bytes() const;

private:
  /// Something failed.
  struct Over {};
  using Results = std::shared_ptr<const Counted>;

  void settle(Levelled &&levelled);
  KeptShape keptShape(const LabelTable &labels, int64_t first) const;
  void resume(ReadState &kept);
  void takeBlocks();
  bool isPart() const { return plan_->options.first > 0 || plan_->options.end < plan_->options.images; }
  [[noreturn]] void outOfOrder(const char *call) const;
  template <class Step> auto step(Step step);
  const ImageStore *store() const;

  std::shared_ptr<Plan> plan_;
  int passes_ = 1;
  int64_t tailBytes_ = 0, maximaBytes_ = 0;
  int64_t blockBytes_ = 0; // of what was kept before and is not taken yet
  std::variant<Over, Bounding, Observing, Levelled, Results> phase_;
  mutable std::mutex mutex_; // guards a change of phase from what other threads ask
};

} // namespace netdissect
