// What is kept of the images that have passed: for each block of consecutive ones the cells of every layer
// that can be in a mask, and the label maps. It alone knows how much may be in memory, what can be thrown
// away since levels' bounds have risen, and what lies in the temporary file.
#pragma once
#include "store/block.h"
#include "store/spill.h"
#include <functional>
#include <string>
#include <vector>

namespace netdissect {

/// A layer's maps.
struct MapShape {
  int64_t units = 0;
  int height = 0, width = 0;
  int64_t cells() const { return int64_t{height} * width; }
};

/// Consecutive images.
struct ImageRange {
  int64_t first = 0, count = 0;
};

struct ImageBlock {
  ImageRange images;
  std::vector<Block> hot; // of each layer, records [units, images]; empty where no masks are wanted
  Block labels;           // a record an image; none where there are no label maps
  int64_t pixels = 0;     // of the label maps' grids, all images together
  Block areas;            // a record an image: pixels of each label present; none until they are counted
};

/// Seconds.
struct StoreProfile {
  double prune = 0, spill = 0;
};

class ImageStore {
public:
  using Bound = std::function<float(size_t layer, int64_t unit)>;

  /// `memory` in bytes; the temporary file is made in `spillFolder`.
  ImageStore(std::vector<MapShape> layers, int64_t memory, std::string spillFolder);

  /// The images after those that are there. Cells under `bound`, and not beside one over it, can go.
  void add(ImageBlock block, const Bound &bound);
  /// Adds the areas of a block's labels, an image a record.
  void setAreas(size_t block, const std::vector<std::vector<uint32_t>> &areas);

  size_t blocks() const { return blocks_.size(); }
  ImageRange images(size_t block) const { return blocks_[block].images; }
  int64_t pixels(size_t block) const { return blocks_[block].pixels; }
  bool hasMasks() const { return !blocks_.empty() && !blocks_[0].hot.empty(); }
  bool hasLabels() const { return hasLabels_; }

  BlockView hot(size_t block, size_t layer) const { return {blocks_[block].hot[layer], file_}; }
  BlockView labels(size_t block) const { return {blocks_[block].labels, file_}; }

  /// What is kept of one image.
  Words hotOf(size_t layer, int64_t unit, int64_t image) const;
  Words labelsOf(int64_t image) const;
  Words areasOf(int64_t image) const;

  int64_t spilledBytes() const { return file_.bytes(); }
  /// Of memory.
  int64_t bytes() const { return hotBytes_ + labelBytes_; }
  const StoreProfile &profile() const { return profile_; }

private:
  void prune(size_t layer, const Bound &bound);
  void spill();
  const ImageBlock &blockOf(int64_t image) const;

  std::vector<MapShape> layers_;
  int64_t memory_;
  std::vector<ImageBlock> blocks_;
  SpillFile file_;
  bool hasLabels_ = false;
  int64_t hotBytes_ = 0, prunedBytes_ = 0, labelBytes_ = 0;
  size_t spilled_ = 0; // blocks
  StoreProfile profile_;
};

} // namespace netdissect
