// One dissection: the data passes once (observe), or twice where memory is too short for exact levels in one
// pass; the levels become final (finish), the masks are counted against the labels (count), and pictures can
// be drawn (draw).
#pragma once
#include "model/script_model.h"
#include "statistics/quantile.h"
#include "statistics/top_images.h"
#include "store/hot_cells.h"
#include "store/segmentation.h"
#include "store/spill.h"
#include "tally/tally.h"
#include <atomic>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace netdissect {

struct DissectionOptions {
  std::vector<std::string> layers;
  int64_t images = 0; // how many will be observed: the levels' ranks depend on it
  int64_t channels = 3, height = 0, width = 0;
  double quantile = 0.005;
  int64_t topImages = 20;
  LabelTable labels;        // empty: no label is counted
  bool approximate = false; // estimate levels where exact ones take another pass
  bool keepMasks = true;    // false where neither labels nor pictures are wanted
  bool scaleOffset = false;
  RetainOptions retain;
  bool forwardOnly = false; // for benchmarks: runs the model and looks at nothing
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
  int64_t piece = 8;  // images of one forward
  int64_t memory = 0; // bytes for what is kept of the images
  std::string spillFolder;
};

struct Batch {
  int64_t first = 0; // the first image's number
  Images images;
  std::vector<LabelMaps> segmentations; // one an image, or none
};

/// Seconds that the engine spent.
struct Profile {
  double forward = 0, select = 0, pack = 0, prune = 0, spill = 0, count = 0, draw = 0;
};

/// What a layer's output is.
struct LayerShape {
  int64_t units = 0;
  int height = 0, width = 0;
  int tokensDropped = 0;
  bool unitsLast = false;
  bool changedInPlace = false;
  Geometry geometry;
};

struct LayerResult : LayerShape {
  std::vector<double> levels;
  bool estimated = false;             // whether the levels are
  double rankError = 0;               // how far off they may be, as a part of all values
  std::vector<int32_t> topImages;     // [units, top]
  std::vector<float> topActivations;  // [units, top]
  std::vector<double> categoryPixels; // [categories, units]
  std::vector<double> intersections;  // [labels, units]
};

/// The strips of a unit, and where they lie in the memory that they were drawn into: RGB rows (top, orig),
/// and PNG scanlines (a filter byte, then palette indices) of 8 (seg, empty without labels) and 2 bits
/// (mask).
struct Strips {
  struct Part {
    int64_t begin = 0, end = 0;
  };
  int64_t width = 0, height = 0;
  Part top, orig, seg, mask;
};

class Dissection {
public:
  Dissection(std::shared_ptr<ScriptModel> model, DissectionOptions options);

  /// How often all of the data has to pass: observe() all of it, and finish(), that many times.
  int passes() const { return counting_ ? 2 : 1; }
  /// Consecutive images, from number 0 on, in batches of whole pieces but for the last.
  void observe(const Batch &batch, const std::atomic<bool> &stopping);
  /// How many images of this pass are through; from any thread.
  int64_t observed() const { return observed_; }
  /// Ends observe() at the next chance; from any thread.
  void cancel() { cancelled_ = true; }
  /// Ends a pass; the last one makes the levels final.
  void finish();
  /// Counts some more of the images; returns how many are done.
  int64_t count(int64_t blocks);
  LayerResult result(size_t layer) const;
  std::vector<double> labelPixels() const;
  /// Throws unless there are results.
  void requireResults() const;
  /// The first `pixels.size()` top images of a unit, each `[height, width, 3]` bytes; after all is counted.
  /// From any thread, several at once.
  Strips draw(size_t layer, int64_t unit, const std::vector<const uint8_t *> &pixels, uint8_t *into,
              size_t bytes);

  const DissectionOptions &options() const { return options_; }
  std::vector<std::string> notices() const { return forward_->notices(); }
  const Profile &profile() const { return profile_; }
  int64_t spilledBytes() const { return spill_.bytes(); }

private:
  struct Layer : LayerShape {
    std::string name;
    std::unique_ptr<Tail> tail;
    RadixTail *radix = nullptr; // the tail, where it needs a pass of its own
    std::unique_ptr<TopImages> top;
    std::unique_ptr<LayerTally> tally;
    std::vector<Block> hot;
    std::vector<double> levels;
    bool estimated = false;
    int64_t rankError = 0;
    std::vector<float> thresholds;
    MapGeometry mapGeometry(const DissectionOptions &options) const;
  };
  struct Piece {
    int64_t first;
    int64_t images;
  };

  /// Where a dissection stands; each call says which phases it is for.
  enum class Phase {
    bounding,  // the first of two passes
    observing, // the pass that keeps
    levelled,  // the levels are final; images are counted
    over,      // something failed
  };
  void require(std::initializer_list<Phase> phases, const char *call) const;
  /// Runs a step; where it fails otherwise than by a call out of order the dissection is over.
  template <class Step> auto inPhase(std::initializer_list<Phase> phases, const char *call, Step step);
  bool counted() const { return counted_ == segmentations_.size(); }

  void observeBatch(const Batch &batch, const std::atomic<bool> &stopping);
  void endPass();
  int64_t countBlocks(int64_t blocks);
  void chooseTails();
  void forward(const Images &all, int64_t begin, int64_t count);
  void countValues(Layer &layer, const Activation &activation);
  void check(const Layer &layer, const Activation &activation) const;
  void select(Layer &layer, const Activation &activation, int64_t firstImage);
  void pack(const Batch &batch, int64_t begin, int64_t end);
  void settle();
  void prune(Layer &layer);
  int64_t keptBytes() const;
  Strips drawStrips(size_t layer, int64_t unit, const std::vector<const uint8_t *> &pixels, uint8_t *into,
                    size_t bytes) const;

  std::shared_ptr<ScriptModel> model_;
  DissectionOptions options_;
  std::unique_ptr<RetainedForward> forward_;
  std::unique_ptr<RetainedForward> counting_; // the first of two passes: the layers that need it alone
  std::atomic<Phase> phase_{Phase::observing};
  std::atomic<bool> cancelled_{false};
  std::vector<Layer> layers_;
  std::vector<Piece> pieces_; // the images of each block
  std::vector<Block> segmentations_;
  std::vector<Block> areas_; // of the images counted: pixels of each label present
  SpillFile spill_;
  std::vector<int64_t> labelPixels_;
  std::atomic<int64_t> observed_ = 0; // of this pass
  int64_t hotBytes_ = 0, prunedBytes_ = 0, segmentationBytes_ = 0;
  size_t spilled_ = 0;
  std::atomic<size_t> counted_{0}; // blocks
  Profile profile_;
  std::mutex drawing_; // guards profile_.draw
};

} // namespace netdissect
