#include "tally/tally.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace netdissect {

float thresholdOf(double level) {
  const float nearest = static_cast<float>(level);
  return nearest > level ? std::nextafter(nearest, -std::numeric_limits<float>::infinity()) : nearest;
}

Grid MapGeometry::grid(int targetHeight, int targetWidth) const {
  if (!offsets)
    return {Axis::aligned(height, targetHeight), Axis::aligned(width, targetWidth)};
  const auto axis = [&](int side, int source, int target, int image) {
    if (target == 1 || image == 1) // corners cannot line up with one pixel
      return Axis::aligned(source, target);
    const double ratio = (target - 1.0) / (image - 1.0);
    return Axis(source, target, offsets->scale[side] * ratio, offsets->offset[side] * ratio);
  };
  return {axis(0, height, targetHeight, imageHeight), axis(1, width, targetWidth, imageWidth)};
}

LabelledImages::LabelledImages(std::vector<LabelPlanes> all, const LabelTable &table,
                               std::vector<std::vector<uint32_t>> areasOf)
    : planes(std::move(all)), areas(std::move(areasOf)) {
  for (const LabelPlanes &image : planes) {
    mostLabels = std::max(mostLabels, image.labels.size());
    categories.push_back(categoriesOf(image.labels, table));
  }
}

std::vector<int32_t> categoriesOf(const std::vector<uint16_t> &labels, const LabelTable &table) {
  std::vector<int32_t> categories;
  for (const uint16_t label : labels)
    categories.push_back(table.category[label]);
  std::sort(categories.begin(), categories.end());
  categories.erase(std::unique(categories.begin(), categories.end()), categories.end());
  return categories;
}

void LayerTally::add(int64_t unit, const LabelledImages &images, size_t image, uint32_t pixels,
                     const uint32_t *labelled) {
  const bool sums = !squares.empty();
  const auto area = static_cast<double>(pixels);
  for (const int32_t category : images.categories[image]) {
    categoryPixels[unit * categories_ + category] += pixels;
    if (sums)
      maskSquares[unit * categories_ + category] += area * area;
  }
  const std::vector<uint16_t> &labels = images.planes[image].labels;
  int64_t *row = intersections.data() + unit * labels_;
  for (size_t l = 0; l < labels.size(); l++)
    row[labels[l]] += labelled[l];
  for (size_t l = 0; sums && l < labels.size(); l++) {
    double &cross = crossProducts[unit * labels_ + labels[l]];
    const double both = labelled[l], label = images.areas[image][l];
    cross += area * label;
    if (labelled[l]) {
      Squares &own = squares[unit * labels_ + labels[l]];
      own.intersection += both * both;
      own.product += both * (area + label);
    }
  }
}

void LayerTally::merge(const LayerTally &other) {
  if (other.units != units || other.categoryPixels.size() != categoryPixels.size() ||
      other.intersections.size() != intersections.size() || other.squares.size() != squares.size())
    throw Failure("ERR_NETDISSECT_STORE", "counts of different layers or labels cannot be merged");
  for (size_t i = 0; i < categoryPixels.size(); i++)
    categoryPixels[i] += other.categoryPixels[i];
  for (size_t i = 0; i < intersections.size(); i++)
    intersections[i] += other.intersections[i];
  for (size_t i = 0; i < maskSquares.size(); i++)
    maskSquares[i] += other.maskSquares[i];
  for (size_t i = 0; i < squares.size(); i++) {
    squares[i].intersection += other.squares[i].intersection;
    squares[i].product += other.squares[i].product;
    crossProducts[i] += other.crossProducts[i];
  }
}

void LayerTally::save(Writer &out) const {
  out.put(units);
  out.put(categoryPixels);
  out.put(intersections);
  out.put(maskSquares);
  out.put(crossProducts);
  out.put(squares);
}

void LayerTally::load(Reader &in) {
  in.expect(units, "number of units");
  std::vector<int64_t> categories = in.list<int64_t>(), labels = in.list<int64_t>();
  std::vector<double> masks = in.list<double>();
  std::vector<double> crosses = in.list<double>();
  std::vector<Squares> sums = in.list<Squares>();
  if (categories.size() != categoryPixels.size() || labels.size() != intersections.size() ||
      masks.size() != maskSquares.size() || sums.size() != squares.size() ||
      crosses.size() != crossProducts.size())
    throw Failure("ERR_NETDISSECT_STORE", "what was saved has other labels");
  maskSquares = std::move(masks);
  crossProducts = std::move(crosses);
  squares = std::move(sums);
  categoryPixels = std::move(categories);
  intersections = std::move(labels);
}

std::vector<double> transposed(const std::vector<int64_t> &counts, int64_t units) {
  const int64_t columns = units ? static_cast<int64_t>(counts.size()) / units : 0;
  std::vector<double> result(counts.size());
  for (int64_t u = 0; u < units; u++)
    for (int64_t c = 0; c < columns; c++)
      result[c * units + u] = static_cast<double>(counts[u * columns + c]);
  return result;
}

} // namespace netdissect
