#include "base/failure.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include "kernels/kernels.h"
#include "run/dissection.h"
#include <algorithm>
#include <limits>
#include <mutex>

namespace netdissect {

namespace {

/// Records made by different threads for consecutive ranges of units, put together in order.
class Gathered {
public:
  void add(int64_t begin, Words ends, Words words) {
    const std::lock_guard<std::mutex> lock(mutex_);
    parts_.push_back({begin, std::move(ends), std::move(words)});
  }
  void into(Block &block) {
    std::sort(parts_.begin(), parts_.end(), [](const Part &a, const Part &b) { return a.begin < b.begin; });
    size_t ends = 0, words = 0;
    for (const Part &part : parts_) {
      ends += part.ends.size();
      words += part.words.size();
    }
    if (words > UINT32_MAX)
      throw Failure("ERR_NETDISSECT_OPTION", "too many activations in one forward; lower forwardSize");
    block.ends.clear();
    block.words.clear();
    block.ends.reserve(ends);
    block.words.reserve(words);
    for (const Part &part : parts_) {
      const auto base = static_cast<uint32_t>(block.words.size());
      for (const uint32_t end : part.ends)
        block.ends.push_back(base + end);
      block.words.insert(block.words.end(), part.words.begin(), part.words.end());
    }
  }

private:
  struct Part {
    int64_t begin;
    Words ends, words;
  };
  std::mutex mutex_;
  std::vector<Part> parts_;
};

/// The maps of an activation in C order, some units at a time. What has its units last is turned over by a
/// few cache lines of units, so that maps of usual size are still in the cache when they are looked at. Holds
/// scratch memory, so one to a thread.
class UnitMaps {
public:
  explicit UnitMaps(const Activation &activation)
      : activation_(activation), cells_(int64_t{activation.height} * activation.width) {
    constexpr int64_t line = 16;                           // floats that a cache line holds
    constexpr int64_t cached = 512 * 1024 / sizeof(float); // and so many that a core's cache keeps
    if (activation.unitsLast)
      atOnce_ = 2 * line * activation.count * cells_ <= cached ? 2 * line : line;
  }

  /// Calls `work(unit)` for units one after the other; map() gives their maps meanwhile.
  template <class Work> void forEach(int64_t begin, int64_t end, Work work) {
    atOnce_ = std::min(atOnce_, end - begin);
    if (activation_.unitsLast) // not filled with zeros first, as a vector would be
      scratch_.reset(new float[activation_.count * atOnce_ * cells_]);
    for (int64_t first = begin, last; first < end; first = last) {
      last = first + std::min(end - first, atOnce_);
      load(first, last - first);
      for (int64_t unit = first; unit < last; unit++)
        work(unit);
    }
  }
  const float *map(int64_t image, int64_t unit) const {
    return activation_.unitsLast ? scratch_.get() + (image * atOnce_ + unit - first_) * cells_
                                 : activation_.values + (image * activation_.units + unit) * cells_;
  }

private:
  void load(int64_t first, int64_t units) {
    first_ = first;
    if (!activation_.unitsLast)
      return;
    for (int64_t i = 0; i < activation_.count; i++)
      kernels().transpose(activation_.values + i * cells_ * activation_.units + first, cells_, units,
                          activation_.units, scratch_.get() + i * atOnce_ * cells_);
  }

  const Activation &activation_;
  int64_t cells_, atOnce_ = std::numeric_limits<int64_t>::max(), first_ = 0;
  std::unique_ptr<float[]> scratch_;
};

} // namespace

void Dissection::check(const Layer &layer, const Activation &activation) const {
  if (activation.units != layer.units || activation.height != layer.height || activation.width != layer.width)
    throw Failure("ERR_NETDISSECT_LAYER",
                  "layer '" + layer.name + "' changes its output's shape from image to image");
}

void Dissection::countValues(Layer &layer, const Activation &activation) {
  check(layer, activation);
  const size_t cells = static_cast<size_t>(layer.height) * layer.width;
  parallelFor(layer.units, 1, [&](int64_t begin, int64_t end) {
    UnitMaps maps(activation);
    maps.forEach(begin, end, [&](int64_t unit) {
      for (int64_t i = 0; i < activation.count; i++)
        layer.radix->count(unit, maps.map(i, unit), cells);
    });
  });
}

void Dissection::select(Layer &layer, const Activation &activation, int64_t firstImage) {
  check(layer, activation);
  const Kernels &k = kernels();
  const int64_t images = activation.count;
  const size_t cells = static_cast<size_t>(layer.height) * layer.width;
  Gathered gathered;
  std::mutex mutex;
  int64_t badImage = -1, badUnit = -1;
  const size_t expected = layer.hot.empty() ? 0 : layer.hot.back().words.size() * 3 / 2;
  parallelFor(layer.units, 1, [&](int64_t begin, int64_t end) {
    HotCells hot(layer.height, layer.width);
    std::vector<uint64_t> over((cells + 63) / 64);
    std::vector<uint8_t> live(images); // which maps have a value over the bound
    Words ends, words;
    words.reserve(expected * (end - begin) / layer.units);
    ends.reserve(images * (end - begin));
    UnitMaps maps(activation);
    maps.forEach(begin, end, [&](int64_t unit) {
      for (int64_t i = 0; i < images; i++) {
        const float *map = maps.map(i, unit);
        live[i] = false;
        const Scan scan = k.scan(map, cells, layer.tail->bound(unit));
        if (!scan.finite) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (badImage < 0 || i < badImage || (i == badImage && unit < badUnit)) {
            badImage = i;
            badUnit = unit;
          }
          continue;
        }
        layer.top->add(unit, scan.largest, firstImage + i);
        live[i] = scan.over > 0;
        if (!live[i])
          continue;
        k.overBits(map, static_cast<int>(cells), layer.tail->bound(unit), over.data());
        for (size_t w = 0; w < over.size(); w++)
          for (uint64_t left = over[w]; left; left &= left - 1)
            layer.tail->add(unit, map[w * 64 + __builtin_ctzll(left)]);
      }
      if (!options_.keepMasks)
        return;
      const float bound = layer.tail->bound(unit);
      for (int64_t i = 0; i < images; i++) {
        if (live[i])
          hot.encode(maps.map(i, unit), bound, words);
        ends.push_back(static_cast<uint32_t>(words.size()));
      }
    });
    gathered.add(begin, std::move(ends), std::move(words));
  });
  if (badImage >= 0)
    throw Failure("ERR_NETDISSECT_ACTIVATION",
                  "layer '" + layer.name + "', unit " + std::to_string(badUnit) +
                      ": a NaN or infinite activation on image " + std::to_string(firstImage + badImage),
                  firstImage + badImage);
  if (options_.keepMasks) {
    layer.hot.emplace_back();
    gathered.into(layer.hot.back());
    hotBytes_ += layer.hot.back().bytes();
  }
}

void Dissection::pack(const Batch &batch, int64_t begin, int64_t end) {
  std::vector<Words> records(end - begin);
  parallelFor(end - begin, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      packSegmentation(batch.segmentations[begin + i], options_.labels, records[i]);
  });
  Block &block = segmentations_.emplace_back();
  for (const Words &record : records) {
    block.words.insert(block.words.end(), record.begin(), record.end());
    block.ends.push_back(static_cast<uint32_t>(block.words.size()));
  }
  block.words.shrink_to_fit();
  segmentationBytes_ += block.bytes();
}

/// Runs a piece, which is filled up with its last image: the kernels that LibTorch chooses depend on how many
/// images there are, and with them the last bits.
void Dissection::forward(const Images &all, int64_t begin, int64_t count) {
  const int64_t area = all.height * all.width, piece = options_.piece;
  Images images = all;
  images.count = piece;
  images.mean = options_.mean;
  images.deviation = options_.deviation;
  std::vector<uint8_t> bytes, alpha;
  std::vector<float> floats;
  const auto part = [&](const auto *values, int64_t size, auto &filled) {
    if (values)
      values += begin * size;
    if (!values || count == piece)
      return values;
    filled.reserve(piece * size);
    for (int64_t i = 0; i < piece; i++) {
      const auto *image = values + std::min(i, count - 1) * size;
      filled.insert(filled.end(), image, image + size);
    }
    return static_cast<decltype(values)>(filled.data());
  };
  images.bytes = part(all.bytes, 3 * area, bytes);
  images.alpha = part(all.alpha, area, alpha);
  images.floats = part(all.floats, all.channels * area, floats);
  (phase_ == Phase::bounding ? counting_ : forward_)->run(images);
}

void Dissection::observeBatch(const Batch &batch, const std::atomic<bool> &stopping) {
  const Images &all = batch.images;
  if (!options_.forwardOnly && batch.first != observed_)
    throw Failure("ERR_NETDISSECT_USAGE",
                  "image " + std::to_string(observed()) + " comes next, not " + std::to_string(batch.first));
  if (phase_ == Phase::observing && !pieces_.empty() && batch.segmentations.empty() != segmentations_.empty())
    throw Failure("ERR_NETDISSECT_USAGE", "either all batches have segmentations or none");
  if (!batch.segmentations.empty() && !options_.keepMasks)
    throw Failure("ERR_NETDISSECT_USAGE", "segmentations are for dissections that keep masks");
  if (observed_ + all.count > options_.images)
    throw Failure("ERR_NETDISSECT_USAGE",
                  "more images were observed than the " + std::to_string(options_.images) + " announced");
  for (int64_t begin = 0; begin < all.count; begin += options_.piece) {
    if (stopping || cancelled_)
      throw Failure("ABORT_ERR", "the dissection was aborted");
    const Piece piece{batch.first + begin, std::min(options_.piece, all.count - begin)};
    if (!options_.forwardOnly && piece.images < options_.piece &&
        piece.first + piece.images < options_.images)
      throw Failure("ERR_NETDISSECT_USAGE", "batches must be of whole pieces of " +
                                                std::to_string(options_.piece) + " images, but for the last");
    {
      {
        const Stopwatch watch(profile_.forward);
        forward(all, begin, piece.images);
      }
      if (options_.forwardOnly) {
        observed_ += piece.images;
        continue;
      }
      const Stopwatch watch(profile_.select);
      std::vector<Activation> activations = (phase_ == Phase::bounding ? counting_ : forward_)->take();
      for (Activation &activation : activations)
        activation.count = piece.images;
      if (phase_ == Phase::bounding) {
        auto activation = activations.begin();
        for (Layer &layer : layers_)
          if (layer.radix)
            countValues(layer, *activation++);
        observed_ += piece.images;
        continue;
      }
      for (size_t l = 0; l < layers_.size(); l++) {
        select(layers_[l], activations[l], piece.first);
        activations[l] = {};
      }
    }
    pieces_.push_back(piece);
    if (!batch.segmentations.empty()) {
      const Stopwatch watch(profile_.pack);
      pack(batch, begin, begin + piece.images);
    }
    settle();
    observed_ += piece.images;
  }
}

void Dissection::prune(Layer &layer) {
  const size_t images = layer.hot.size();
  parallelFor(static_cast<int64_t>(images), 1, [&](int64_t begin, int64_t end) {
    HotCells hot(layer.height, layer.width);
    for (int64_t b = begin; b < end; b++) {
      Block &block = layer.hot[b];
      if (block.spilled())
        continue;
      Words words, ends;
      uint32_t from = 0;
      for (size_t record = 0; record < block.ends.size(); record++) {
        const uint32_t to = block.ends[record];
        const uint32_t *begin = block.words.data() + from;
        const float bound = layer.tail->bound(static_cast<int64_t>(record) / pieces_[b].images);
        if (from != to && HotCells::largest(begin) > bound)
          hot.encode(hot.decode(begin, block.words.data() + to), bound, words);
        ends.push_back(static_cast<uint32_t>(words.size()));
        from = to;
      }
      words.shrink_to_fit();
      block.words = std::move(words);
      block.ends = std::move(ends);
      block.ends.shrink_to_fit();
    }
  });
}

int64_t Dissection::keptBytes() const { return hotBytes_ + segmentationBytes_; }

void Dissection::settle() {
  // The bounds have risen since the older cells were kept: most of them can go.
  constexpr int64_t worthwhile = int64_t{64} << 20;
  if (hotBytes_ > std::max(2 * prunedBytes_, std::min(worthwhile, options_.memory / 2))) {
    const Stopwatch watch(profile_.prune);
    hotBytes_ = 0;
    for (Layer &layer : layers_) {
      prune(layer);
      for (const Block &block : layer.hot)
        hotBytes_ += block.bytes();
    }
    prunedBytes_ = hotBytes_;
  }
  if (keptBytes() <= options_.memory)
    return;
  const Stopwatch watch(profile_.spill);
  for (; spilled_ < pieces_.size() && keptBytes() > options_.memory / 4 * 3; spilled_++) {
    for (Layer &layer : layers_)
      if (!layer.hot.empty()) {
        hotBytes_ -= layer.hot[spilled_].bytes();
        layer.hot[spilled_].spill(spill_);
      }
    if (!segmentations_.empty()) {
      segmentationBytes_ -= segmentations_[spilled_].bytes();
      segmentations_[spilled_].spill(spill_);
    }
  }
  prunedBytes_ = std::min(prunedBytes_, hotBytes_);
}

void Dissection::endPass() {
  if (observed_ != options_.images)
    throw Failure("ERR_NETDISSECT_USAGE", std::to_string(observed()) + " images were observed, not the " +
                                              std::to_string(options_.images) + " announced");
  if (phase_ == Phase::bounding) {
    for (Layer &layer : layers_)
      if (layer.radix)
        layer.radix->resolve();
    phase_ = Phase::observing;
    observed_ = 0;
    return;
  }
  for (Layer &layer : layers_) {
    layer.levels.resize(layer.units);
    layer.thresholds.resize(layer.units);
    parallelFor(layer.units, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; unit++) {
        layer.levels[unit] = layer.tail->level(unit);
        layer.thresholds[unit] = thresholdOf(layer.levels[unit]);
      }
    });
    for (int64_t unit = 0; unit < layer.units; unit++)
      layer.rankError = std::max(layer.rankError, layer.tail->rankError(unit));
    layer.tail.reset();
  }
  phase_ = Phase::levelled;
}

} // namespace netdissect
