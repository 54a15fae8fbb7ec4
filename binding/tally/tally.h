// Counting masks against labels: the heart of network dissection.
#pragma once
#include "model/script_model.h"
#include "store/hot_cells.h"
#include "store/segmentation.h"
#include "tally/upsample.h"
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace netdissect {

/// The largest float32 that is not over a level: float32 values are over both or neither.
float thresholdOf(double level);

/// How a layer's map [height, width] is read from pixel grids of one kind of image.
struct MapGeometry {
  int height, width;
  const Geometry *offsets; // a scale-offset to image pixels, or null: pixel centres line up
  int imageHeight, imageWidth;
  Grid grid(int targetHeight, int targetWidth) const;
};

/// The label planes of some images and the categories present on each.
struct LabelledImages {
  std::vector<LabelPlanes> planes;
  std::vector<std::vector<int32_t>> categories;
  size_t mostLabels = 0;

  LabelledImages(std::vector<LabelPlanes> planes, const LabelTable &table);
};

/// The counts of one layer; units are counted by different threads at once.
class LayerTally {
public:
  LayerTally(int64_t units, const MapGeometry &geometry, const LabelTable &labels);

  /// Has to be called, by one thread, before add() is with these images.
  void prepare(const LabelledImages &images);
  /// Adds the units [firstUnit, lastUnit) on some images. `hot` are the blocks that hold them, `sizes` how
  /// many images each block has: record `unit * size + image` of a block.
  void add(int64_t firstUnit, int64_t lastUnit, const std::vector<std::unique_ptr<BlockView>> &hot,
           const std::vector<int64_t> &sizes, const LabelledImages &images,
           const std::vector<float> &thresholds);

  /// [categories, units] and [labels, units].
  std::vector<double> categoryPixels() const;
  std::vector<double> intersections() const;

private:
  int64_t units_;
  MapGeometry geometry_;
  const LabelTable &labels_;
  std::map<std::pair<int, int>, Grid> grids_;
  std::vector<int64_t> categoryPixels_; // [units, categories]
  std::vector<int64_t> intersections_;  // [units, labels]
};

} // namespace netdissect
