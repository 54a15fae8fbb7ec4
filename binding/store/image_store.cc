#include "store/image_store.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include "store/hot_cells.h"
#include <algorithm>

namespace netdissect {

ImageStore::ImageStore(std::vector<MapShape> layers, int64_t memory, std::string spillFolder)
    : layers_(std::move(layers)), memory_(memory), file_(std::move(spillFolder)) {}

void ImageStore::add(ImageBlock block, const Bound &bound) {
  for (const Block &hot : block.hot)
    hotBytes_ += hot.bytes();
  labelBytes_ += block.labels.bytes();
  hasLabels_ = hasLabels_ || !block.labels.ends.empty();
  blocks_.push_back(std::move(block));
  // The bounds have risen since the older cells were kept: most of them can go.
  constexpr int64_t worthwhile = int64_t{64} << 20;
  if (hotBytes_ > std::max(2 * prunedBytes_, std::min(worthwhile, memory_ / 2))) {
    const Stopwatch watch(profile_.prune);
    hotBytes_ = 0;
    for (size_t layer = 0; layer < layers_.size(); layer++) {
      prune(layer, bound);
      for (const ImageBlock &kept : blocks_)
        hotBytes_ += kept.hot[layer].bytes();
    }
    prunedBytes_ = hotBytes_;
  }
  if (bytes() > memory_)
    spill();
}

void ImageStore::prune(size_t layer, const Bound &bound) {
  parallelFor(static_cast<int64_t>(blocks_.size()), 1, [&](int64_t begin, int64_t end) {
    HotCells hot(layers_[layer].height, layers_[layer].width);
    for (int64_t b = begin; b < end; b++) {
      Block &block = blocks_[b].hot[layer];
      if (block.spilled())
        continue;
      Words words, ends;
      uint32_t from = 0;
      for (size_t record = 0; record < block.ends.size(); record++) {
        const uint32_t to = block.ends[record];
        const uint32_t *at = block.words.data() + from;
        const float least = bound(layer, static_cast<int64_t>(record) / blocks_[b].images.count);
        if (from != to && HotCells::largest(at) > least)
          hot.encode(hot.decode(at, block.words.data() + to), least, words);
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

void ImageStore::spill() {
  const Stopwatch watch(profile_.spill);
  for (; spilled_ < blocks_.size() && bytes() > memory_ / 4 * 3; spilled_++) {
    ImageBlock &block = blocks_[spilled_];
    for (Block &hot : block.hot) {
      hotBytes_ -= hot.bytes();
      hot.spill(file_);
    }
    if (!block.labels.ends.empty()) {
      labelBytes_ -= block.labels.bytes();
      block.labels.spill(file_);
    }
  }
  prunedBytes_ = std::min(prunedBytes_, hotBytes_);
}

void ImageStore::setAreas(size_t block, const std::vector<std::vector<uint32_t>> &areas) {
  Block &kept = blocks_[block].areas;
  for (const std::vector<uint32_t> &record : areas) {
    kept.words.insert(kept.words.end(), record.begin(), record.end());
    kept.ends.push_back(static_cast<uint32_t>(kept.words.size()));
  }
}

const ImageBlock &ImageStore::blockOf(int64_t image) const {
  if (blocks_.empty() || image < 0 || image >= blocks_.back().images.first + blocks_.back().images.count)
    throw Failure("ERR_NETDISSECT_STORE", "there is no image " + std::to_string(image));
  return *(std::upper_bound(blocks_.begin(), blocks_.end(), image,
                            [](int64_t of, const ImageBlock &block) { return of < block.images.first; }) -
           1);
}

Words ImageStore::hotOf(size_t layer, int64_t unit, int64_t image) const {
  const ImageBlock &block = blockOf(image);
  return block.hot[layer].record(unit * block.images.count + image - block.images.first, file_);
}

Words ImageStore::labelsOf(int64_t image) const {
  const ImageBlock &block = blockOf(image);
  return block.labels.record(image - block.images.first, file_);
}

Words ImageStore::areasOf(int64_t image) const {
  const ImageBlock &block = blockOf(image);
  return block.areas.record(image - block.images.first, file_);
}

} // namespace netdissect
