// The passes of the data: one that keeps what masks and counts are made of (Observing), and where memory is
// too short for exact levels in one pass others before it (Bounding). Each phase has what only it needs, and
// ends in the next.
#pragma once
#include "run/levelled.h"
#include "run/plan.h"
#include <atomic>
#include <deque>
#include <memory>
#include <vector>

namespace netdissect {

/// Consecutive images, from number 0 on, in batches of whole pieces but for the last.
class Pass {
public:
  virtual ~Pass() = default;
  Pass(Pass &&) = default;
  Pass &operator=(Pass &&) = default;
  void observe(const Batch &batch, const std::atomic<bool> &stopping);
  /// Keeps the state of the pass, where it is kept.
  void keep(bool done) const;

protected:
  Pass(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> source)
      : plan_(std::move(plan)), source_(std::move(source)) {}
  /// What is wrong with a batch of this pass, before any of it is run.
  virtual void check(const Batch &) const {}
  /// Some images of a batch, which the source has run.
  virtual void look(std::vector<UnitBatch> units, const Batch &batch, int64_t begin, int64_t count) = 0;
  /// Gives memory of a device back that is used to save work. Whether there was any.
  virtual bool letGo() { return false; }
  /// What keep() keeps of the values, and whether it is of the last pass.
  virtual void save(Writer &out) const = 0;
  virtual bool last() const = 0;
  void checkShape(const LayerShape &layer, const UnitBatch &units) const;
  /// Throws where images are missing.
  void requireAll() const;

  std::shared_ptr<Plan> plan_;
  std::unique_ptr<UnitSource> source_;
};

/// A layer's values while they pass.
struct LayerValues {
  std::unique_ptr<Tail> tail;
  std::unique_ptr<TopImages> top;
  std::unique_ptr<ImageMaxima> maxima;
  bool estimated = false;
};

class Observing : public Pass {
public:
  Observing(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> source, std::vector<LayerValues> values);
  Levelled finish() &&;
  void requireFinished() const { requireAll(); }
  const ImageStore &store() const { return *store_; }
  /// Of memory that is held for images.
  int64_t bytes() const { return store_->bytes() + labelBytes_; }
  /// Takes what was kept of images that were observed before: their values, and their blocks.
  void load(Reader &in);
  /// The same of other images, [first, end), beside those that are there.
  void merge(Reader &in, int64_t first, int64_t end);
  void add(ImageBlock block);

private:
  void check(const Batch &batch) const override;
  void look(std::vector<UnitBatch> units, const Batch &batch, int64_t begin, int64_t count) override;
  void save(Writer &out) const override;
  bool last() const override { return true; }
  bool letGo() override;
  int64_t mostWaiting();
  void selectWaiting();
  void selectNext();
  bool boundsAreFinite() const;
  LayerValues read(Reader &in, const LayerShape &layer, int64_t first, int64_t end) const;
  Block pack(const Batch &batch, int64_t begin, int64_t count) const;

  /// A forward's values of all layers, which their tails have taken, and its block without them.
  struct Waiting {
    std::vector<UnitBatch> units;
    ImageBlock block;
  };

  std::vector<LayerValues> values_;
  std::deque<Waiting> waiting_;
  int64_t mostWaiting_ = -1; // forwards; under 0: not known yet
  int64_t labelBytes_ = 0;   // of what waits
  std::unique_ptr<ImageStore> store_;
};

class Bounding : public Pass {
public:
  /// `all` is the source of the next pass, `some` of those layers that have bins; the tails of the others are
  /// in `values` already.
  Bounding(std::shared_ptr<Plan> plan, std::unique_ptr<UnitSource> all, std::unique_ptr<UnitSource> some,
           std::vector<LayerValues> values, std::vector<std::unique_ptr<RadixBins>> bins);
  /// Ends a pass; whether another of this kind follows.
  bool next();
  Observing finish() &&;
  void requireFinished() const { requireAll(); }
  /// Takes what was kept of this pass.
  void load(Reader &in);
  /// The same of other images, beside those that are there.
  void merge(Reader &in);

private:
  void look(std::vector<UnitBatch> units, const Batch &batch, int64_t begin, int64_t count) override;
  void save(Writer &out) const override;
  bool last() const override { return false; }

  std::unique_ptr<UnitSource> all_;
  std::vector<LayerValues> values_;
  std::vector<std::unique_ptr<RadixBins>> bins_; // null where a layer needs none
};

} // namespace netdissect
