#include "run/dissection.h"
#include "base/failure.h"
#include "run/begin.h"
#include <algorithm>
#include <optional>

namespace netdissect {

Dissection::Dissection(const OpenUnits &open, DissectionOptions options, std::unique_ptr<Backend> backend,
                       const std::atomic<bool> *stopping)
    : plan_(std::make_shared<Plan>()) {
  plan_->progress.stopping = stopping;
  plan_->options = std::move(options);
  if (plan_->options.end < 0)
    plan_->options.end = plan_->options.images;
  plan_->backend = std::move(backend);
  plan_->backend->tell([plan = plan_.get()](const std::string &notice) { plan->notices.add(notice); });
  plan_->piece = plan_->options.piece;
  const KeptPlace &place = plan_->options.kept;
  const bool keeps = !place.folder.empty();
  std::optional<ReadState> kept;
  if (keeps && keptExists(place.state()))
    kept.emplace(readState(place.state(), place.run));
  std::unique_ptr<UnitSource> all = open(plan_->options.layers);
  plan_->layers = layerShapes(*all, plan_->options);
  for (const std::string &notice : all->notices())
    plan_->notices.add(notice);
  Tails tails = chooseTails(*plan_);
  tailBytes_ = tails.bytes;
  maximaBytes_ = tails.maxima;
  if (tails.binned.empty()) {
    phase_.emplace<Observing>(plan_, std::move(all), std::move(tails.values));
  } else {
    passes_ = tails.passes;
    phase_.emplace<Bounding>(plan_, std::move(all), open(tails.binned), std::move(tails.values),
                             std::move(tails.bins));
  }
  if (kept)
    resume(*kept);
  if (keeps)
    plan_->keeper =
        std::make_unique<Keeper>(place, plan_->options.checkpointSeconds, kept ? kept->state : KeptState());
}

KeptShape Dissection::keptShape(const LabelTable &labels, int64_t first) const {
  KeptShape shape{{}, labels, first, plan_->options.kept.run};
  if (plan_->options.keepMasks)
    shape.layers.assign(plan_->layers.begin(), plan_->layers.end());
  return shape;
}

void Dissection::resume(ReadState &kept) {
  const DissectionOptions &options = plan_->options;
  const KeptState &state = kept.state;
  if (state.first != options.first || state.end != options.end || state.pass > passes_ ||
      state.observing != (state.pass == passes_) || state.piece > options.piece ||
      (state.blockBytes > 0) != (state.observing && state.observed > 0))
    throw Failure("ERR_NETDISSECT_STORE", options.kept.folder + " is of another run");
  auto *bounding = std::get_if<Bounding>(&phase_);
  if (bounding && state.observing)
    phase_ = std::move(*bounding).finish();
  if (auto *observing = std::get_if<Observing>(&phase_)) {
    kept.take([&](Reader &in) { observing->load(in); });
    blockBytes_ = state.blockBytes;
  } else
    kept.take([&](Reader &in) { std::get<Bounding>(phase_).load(in); });
  plan_->pass = state.pass;
  plan_->piece = state.piece;
  plan_->progress.observed = state.observed;
}

/// What was kept of the images that were observed before; it can take a while, and be cancelled.
void Dissection::takeBlocks() {
  auto *observing = std::get_if<Observing>(&phase_);
  if (!observing || !blockBytes_)
    return;
  const DissectionOptions &options = plan_->options;
  const KeptShape shape = keptShape(options.labels, options.first);
  const int64_t next = readBlocks(options.kept.blocks(), blockBytes_, shape, [&](ImageBlock block) {
    if (plan_->progress.ended())
      throw aborted();
    observing->add(std::move(block));
  });
  if (next != options.first + plan_->progress.observed)
    throw Failure("ERR_NETDISSECT_STORE", options.kept.folder + " has other images than it says");
  blockBytes_ = 0;
}

Dissection::Dissection(std::vector<LayerShape> layers, DissectionOptions options, const LabelTable &labels,
                       const std::vector<std::string> &folders, std::unique_ptr<Backend> backend,
                       const std::atomic<bool> *stopping)
    : plan_(std::make_shared<Plan>()) {
  plan_->progress.stopping = stopping;
  plan_->options = std::move(options);
  plan_->options.end = plan_->options.images;
  plan_->backend = std::move(backend);
  plan_->backend->tell([plan = plan_.get()](const std::string &notice) { plan->notices.add(notice); });
  plan_->piece = plan_->options.piece;
  plan_->layers = std::move(layers);
  std::vector<int32_t> codes; // of what is a label still
  for (const uint16_t number : labels.numbers)
    codes.push_back(plan_->options.labels.code(number));
  const bool fewer = plan_->options.labels.size() < labels.size();
  Observing kept(plan_, nullptr, std::vector<LayerValues>(plan_->layers.size()));
  std::vector<int64_t> blockBytes;
  int64_t next = 0;
  const std::string &run = plan_->options.kept.run;
  const std::string unfinished = " has not seen all of its images yet; run it again to go on";
  int64_t stateBytes = 0, maximaBytes = 0;
  for (const std::string &folder : folders) {
    const int64_t bytes = keptBytes(KeptPlace{folder, run}.state());
    if (bytes < 0)
      throw Failure("ERR_NETDISSECT_STORE", folder + unfinished);
    stateBytes += bytes;
  }
  for (const LayerShape &layer : plan_->layers)
    if (plan_->options.keepMaxima)
      maximaBytes += ImageMaxima::bytes(layer.units, plan_->options.images);
  if (maximaBytes > stateBytes) // before there is memory for all images
    throw damagedFile(folders.front(), "it has more images than were kept");
  for (const std::string &folder : folders) {
    const KeptPlace part{folder, run};
    if (plan_->progress.ended())
      throw aborted();
    const auto refuse = [&](const std::string &message) {
      throw Failure("ERR_NETDISSECT_STORE", folder + message);
    };
    ReadState read = readState(part.state(), run);
    const KeptState &state = read.state;
    if (!state.observing || !state.done)
      refuse(unfinished);
    if (state.first != next)
      refuse(" is of images from " + std::to_string(state.first) + " on, and " + std::to_string(next) +
             " comes next; give the parts of one run");
    if (state.end > plan_->options.images)
      refuse(" has more images than there are; observe again");
    next = state.end;
    read.take([&](Reader &in) { kept.merge(in, state.first, state.end); });
    blockBytes.push_back(state.blockBytes);
  }
  if (next != plan_->options.images)
    throw Failure("ERR_NETDISSECT_STORE", "images from " + std::to_string(next) + " on are in none of these");
  next = 0;
  for (size_t f = 0; f < folders.size(); f++)
    if (blockBytes[f])
      next = readBlocks(
          KeptPlace{folders[f], run}.blocks(), blockBytes[f], keptShape(labels, next), [&](ImageBlock block) {
            if (plan_->progress.ended())
              throw aborted();
            if (fewer) {
              Block recodedLabels;
              uint32_t begin = 0;
              for (const uint32_t end : block.labels.ends) {
                const Words record = recoded(block.labels.words.data() + begin, codes);
                recodedLabels.words.insert(recodedLabels.words.end(), record.begin(), record.end());
                recodedLabels.ends.push_back(static_cast<uint32_t>(recodedLabels.words.size()));
                begin = end;
              }
              block.labels = std::move(recodedLabels);
            }
            kept.add(std::move(block));
          });
  if (next != plan_->options.images)
    throw Failure("ERR_NETDISSECT_STORE", "images from " + std::to_string(next) + " on are in none of these");
  plan_->progress.observed = next;
  settle(std::move(kept).finish());
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
  step([&] {
    takeBlocks();
    pass->observe(batch, stopping);
  });
}

/// Whether parts [first, end) are all images, each once.
static bool isWhole(std::vector<std::pair<int64_t, int64_t>> parts, int64_t images) {
  std::sort(parts.begin(), parts.end());
  int64_t next = 0;
  for (const auto &[first, end] : parts) {
    if (first != next)
      return false;
    next = end;
  }
  return next == images;
}

std::vector<size_t> Dissection::finish(const std::vector<std::string> &others) {
  return step([&] {
    std::vector<size_t> missing;
    const KeptPlace &own = plan_->options.kept;
    if (auto *bounding = std::get_if<Bounding>(&phase_)) {
      bounding->requireFinished();
      bounding->keep(true);
      for (size_t i = 0; i < others.size(); i++)
        if (!keptExists(KeptPlace{others[i], own.run}.pass(plan_->pass)))
          missing.push_back(i);
      if (!missing.empty())
        return missing;
      std::vector<std::pair<int64_t, int64_t>> seen{{plan_->options.first, plan_->options.end}};
      for (const std::string &other : others) {
        ReadState read = readState(KeptPlace{other, own.run}.pass(plan_->pass), own.run);
        seen.emplace_back(read.state.first, read.state.end);
        read.take([&](Reader &in) { bounding->merge(in); });
      }
      if (!isWhole(seen, plan_->options.images))
        throw Failure("ERR_NETDISSECT_STORE", "the parts beside " + own.folder + " are not those of one run");
      if (bounding->next())
        return missing;
      Observing next = std::move(*bounding).finish();
      const std::lock_guard<std::mutex> lock(mutex_);
      phase_ = std::move(next);
    } else if (auto *observing = std::get_if<Observing>(&phase_)) {
      takeBlocks();
      observing->requireFinished();
      observing->keep(true);
      if (!isPart())
        settle(std::move(*observing).finish());
    } else
      outOfOrder("finish");
    return missing;
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
    return tailBytes_ + observing->bytes();
  const ImageStore *kept = store();
  return kept ? kept->bytes() + maximaBytes_ : std::holds_alternative<Over>(phase_) ? 0 : tailBytes_;
}

int64_t Dissection::spilledBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ImageStore *kept = store();
  return kept ? kept->spilledBytes() : 0;
}

} // namespace netdissect
