// When all images have passed levels are final. Masks are counted (Levelled), and then there are results
// (Counted).
#pragma once
#include "run/plan.h"
#include "statistics/image_maxima.h"
#include "statistics/top_images.h"
#include <memory>
#include <vector>

namespace netdissect {

struct LevelledLayer {
  std::vector<double> levels;
  bool estimated = false; // whether the levels are
  int64_t rankError = 0;
  std::vector<float> thresholds;
  std::unique_ptr<TopImages> top;
  std::unique_ptr<ImageMaxima> maxima; // null where they are not kept
};

struct LayerResult : LayerShape {
  std::vector<double> levels;
  bool estimated = false;             // whether the levels are
  double rankError = 0;               // how far off they may be, as a part of all values
  std::vector<int32_t> topImages;     // [units, top]
  std::vector<float> topActivations;  // [units, top]
  std::vector<double> categoryPixels; // [categories, units]
  std::vector<double> intersections;  // [labels, units]
  // [labels, units] each: Σ i², Σ i · U and Σ U² over images, as Squares has them
  std::vector<double> intersectionSquares, products, unionSquares;
};

/// A label in all images.
struct LabelCount {
  int64_t pixels = 0, images = 0; // and images that have any
  double squares = 0;             // Σ l²
};

/// A category: images that have any label of it, and the pixels of these.
struct CategoryCount {
  int64_t images = 0, pixels = 0;
};

/// What is known once all is counted; it does not change any more.
struct Counted {
  std::shared_ptr<const Plan> plan;
  std::vector<LevelledLayer> layers;
  std::unique_ptr<const ImageStore> store;
  std::vector<LayerTally> tallies;
  std::vector<LabelCount> labels; // by code
  std::vector<CategoryCount> categories;

  LayerResult result(size_t layer) const;
  /// Throws ERR_NETDISSECT_USAGE where they were not kept.
  const ImageMaxima &maxima(size_t layer) const;
};

/// Of each layer's units.
using Thresholds = std::vector<const std::vector<float> *>;
Thresholds thresholdsOf(const std::vector<LevelledLayer> &layers);

/// Counts the masks of the blocks [begin, end) against labels, an image of them each.
void countBlocks(const Plan &plan, const ImageStore &store, const Thresholds &thresholds, size_t begin,
                 size_t end, const LabelledImages &labelled, std::vector<LayerTally> &tallies);

class Levelled {
public:
  Levelled(std::shared_ptr<Plan> plan, std::vector<LevelledLayer> layers, std::unique_ptr<ImageStore> store);

  /// Counts some more images, whole blocks of them.
  void count(int64_t images);
  /// How many are counted.
  int64_t counted() const;
  bool done() const {
    return counted_ == (store_->hasLabels() && plan_->options.labels.size() ? store_->blocks() : 0);
  }
  Counted finish() &&;
  const ImageStore &store() const { return *store_; }

private:
  std::shared_ptr<Plan> plan_;
  std::vector<LevelledLayer> layers_;
  std::unique_ptr<ImageStore> store_;
  std::vector<LayerTally> tallies_;
  std::vector<LabelCount> labels_;
  std::vector<CategoryCount> categories_;
  size_t counted_ = 0; // blocks
};

} // namespace netdissect
