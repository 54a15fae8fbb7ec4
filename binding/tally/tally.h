// Counts of masks against labels, and what masks are made by.
#pragma once
#include "base/bytes.h"
#include "model/unit_source.h"
#include "store/segmentation.h"
#include "tally/upsample.h"
#include <optional>
#include <vector>

namespace netdissect {

/// The largest float32 that is not over a level: float32 values are over both or neither.
float thresholdOf(double level);

/// How a layer's map [height, width] is read from pixel grids of one kind of image.
struct MapGeometry {
  int height, width;
  std::optional<Geometry> offsets; // a scale-offset to image pixels; without it pixel centres line up
  int imageHeight, imageWidth;
  Grid grid(int targetHeight, int targetWidth) const;
};

/// The label planes of some images and the categories present on each.
struct LabelledImages {
  std::vector<LabelPlanes> planes;
  std::vector<std::vector<int32_t>> categories;
  std::vector<std::vector<uint32_t>> areas; // pixels of each label present; empty where no squares are summed
  size_t mostLabels = 0;

  LabelledImages(std::vector<LabelPlanes> planes, const LabelTable &table,
                 std::vector<std::vector<uint32_t>> areas = {});
};

/// The categories of some labels, ascending, each once.
std::vector<int32_t> categoriesOf(const std::vector<uint16_t> &labels, const LabelTable &table);

/// Sums over images of squares of pixel counts, for standard errors. In float64: exact up to 2^53, which sums
/// of 112² pixels reach after 57 million images; beyond that each image adds a relative error of at most
/// 2^-53.
struct Squares {
  double intersection = 0; // Σ i², i the pixels of mask and label
  double product = 0;      // Σ i · (a + l), a those of the mask and l those of the label
};

/// The counts of one layer. Sums: parts of the data can be counted apart.
struct LayerTally {
  int64_t units = 0;
  std::vector<int64_t> categoryPixels; // [units, categories]
  std::vector<int64_t> intersections;  // [units, labels]
  std::vector<double> maskSquares;     // [units, categories]: Σ a²; empty where no squares are summed
  std::vector<double> crossProducts;   // [units, labels]: Σ a · l
  std::vector<Squares> squares;        // [units, labels]

  LayerTally(int64_t units, const LabelTable &labels)
      : units(units), categoryPixels(units * labels.categories), intersections(units * labels.size()),
        labels_(static_cast<int64_t>(labels.size())), categories_(labels.categories) {}
  /// A unit's mask of `pixels` pixels on an image, `labelled` of them with each of the image's labels.
  void add(int64_t unit, const LabelledImages &images, size_t image, uint32_t pixels,
           const uint32_t *labelled);
  /// From the first image on sums squares, too.
  void sumSquares() {
    maskSquares.resize(categoryPixels.size());
    crossProducts.resize(intersections.size());
    squares.resize(intersections.size());
  }

  void merge(const LayerTally &other);
  void save(Writer &out) const;
  void load(Reader &in);

private:
  int64_t labels_, categories_;
};

/// [columns, units] of [units, columns], as float64.
std::vector<double> transposed(const std::vector<int64_t> &counts, int64_t units);

} // namespace netdissect
