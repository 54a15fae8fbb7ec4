#include "run/dissection.h"
#include "base/failure.h"
#include "run/begin.h"

namespace netdissect {

Dissection::Dissection(const OpenUnits &open, DissectionOptions options, std::unique_ptr<Backend> backend)
    : plan_(std::make_shared<Plan>()) {
  plan_->options = std::move(options);
  plan_->backend = std::move(backend);
  std::unique_ptr<UnitSource> all = open(plan_->options.layers);
  plan_->layers = layerShapes(*all, plan_->options);
  notices_ = all->notices();
  Tails tails = chooseTails(*plan_);
  tailBytes_ = tails.bytes;
  maximaBytes_ = tails.maxima;
  if (tails.binned.empty()) {
    phase_.emplace<Observing>(plan_, std::move(all), std::move(tails.values));
    return;
  }
  passes_ = tails.passes;
  phase_.emplace<Bounding>(plan_, std::move(all), open(tails.binned), std::move(tails.values),
                           std::move(tails.bins));
}

void Dissection::outOfOrder(const char *call) const {
  const char *stand = std::holds_alternative<Over>(phase_) ? "is over, since it failed"
                      : std::holds_alternative<Levelled>(phase_)
                          ? "has seen all images and not counted them yet"
                      : std::holds_alternative<Results>(phase_) ? "has seen all images"
                                                                : "has not seen all images yet";
  throw Failure("ERR_NETDISSECT_USAGE", std::string(call) + " is out of order: the dissection " + stand);
}

template <class Step> auto Dissection::step(Step step) {
  const auto fail = [this] {
    const std::lock_guard<std::mutex> lock(mutex_);
    phase_ = Over{};
  };
  try {
    return step();
  } catch (const Failure &failure) {
    if (failure.code != "ERR_NETDISSECT_USAGE")
      fail();
    throw;
  } catch (...) {
    fail();
    throw;
  }
}

void Dissection::observe(const Batch &batch, const std::atomic<bool> &stopping) {
  Pass *pass = std::get_if<Bounding>(&phase_);
  if (!pass)
    pass = std::get_if<Observing>(&phase_);
  if (!pass)
    outOfOrder("observe");
  step([&] { pass->observe(batch, stopping); });
}

void Dissection::finish() {
  step([&] {
    if (auto *bounding = std::get_if<Bounding>(&phase_)) {
      bounding->requireFinished();
      if (bounding->next())
        return;
      Observing next = std::move(*bounding).finish();
      const std::lock_guard<std::mutex> lock(mutex_);
      phase_ = std::move(next);
    } else if (auto *observing = std::get_if<Observing>(&phase_)) {
      observing->requireFinished();
      settle(std::move(*observing).finish());
    } else
      outOfOrder("finish");
  });
}

/// Where there is nothing to count, or no more, there are results.
void Dissection::settle(Levelled &&levelled) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (levelled.done())
    phase_ = std::make_shared<const Counted>(std::move(levelled).finish());
  else
    phase_ = std::move(levelled);
}

int64_t Dissection::count(int64_t images) {
  if (auto *results = std::get_if<Results>(&phase_))
    return (*results)->store->hasLabels() ? plan_->options.images : 0;
  auto *levelled = std::get_if<Levelled>(&phase_);
  if (!levelled)
    outOfOrder("count");
  return step([&] {
    levelled->count(images);
    const int64_t done = levelled->counted();
    if (levelled->done())
      settle(std::move(*levelled));
    return done;
  });
}

std::shared_ptr<const Counted> Dissection::counted(const char *call) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto *results = std::get_if<Results>(&phase_))
    return *results;
  outOfOrder(call);
}

const ImageStore *Dissection::store() const {
  if (const auto *results = std::get_if<Results>(&phase_))
    return (*results)->store.get();
  const auto *levelled = std::get_if<Levelled>(&phase_);
  return levelled ? &levelled->store() : nullptr;
}

StoreProfile Dissection::storeProfile() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ImageStore *kept = store();
  return kept ? kept->profile() : StoreProfile{};
}

int64_t Dissection::bytes() const {
  if (const auto *observing = std::get_if<Observing>(&phase_))
    return tailBytes_ + observing->store().bytes();
  const ImageStore *kept = store();
  return kept ? kept->bytes() + maximaBytes_ : std::holds_alternative<Over>(phase_) ? 0 : tailBytes_;
}

int64_t Dissection::spilledBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ImageStore *kept = store();
  return kept ? kept->spilledBytes() : 0;
}

} // namespace netdissect
