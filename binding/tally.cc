#include "tally.h"
#include "kernels.h"
#include "parallel.h"
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
    const double ratio = image > 1 ? (target - 1.0) / (image - 1.0) : 1.0;
    return Axis(source, target, offsets->scale[side] * ratio, offsets->offset[side] * ratio);
  };
  return {axis(0, height, targetHeight, imageHeight), axis(1, width, targetWidth, imageWidth)};
}

LayerTally::LayerTally(int64_t units, const MapGeometry &geometry, const LabelTable &labels)
    : units_(units), geometry_(geometry), labels_(labels), categoryPixels_(units * labels.categories),
      intersections_(units * labels.category.size()) {}

void LayerTally::add(const BlockView &hot, const std::vector<LabelPlanes> &planes,
                     const std::vector<float> &thresholds) {
  const size_t images = planes.size(), labelCount = labels_.category.size();
  size_t mostLabels = 0;
  std::vector<std::vector<int32_t>> present(images); // categories
  for (size_t i = 0; i < images; i++) {
    const LabelPlanes &p = planes[i];
    mostLabels = std::max(mostLabels, p.labels.size());
    for (const uint16_t label : p.labels)
      present[i].push_back(labels_.category[label]);
    std::sort(present[i].begin(), present[i].end());
    present[i].erase(std::unique(present[i].begin(), present[i].end()), present[i].end());
    const std::pair<int, int> size{p.height, p.width};
    if (!grids_.count(size))
      grids_.emplace(size, geometry_.grid(p.height, p.width));
  }
  parallelFor(units_, 8, [&](int64_t firstUnit, int64_t lastUnit) {
    HotCells cells(geometry_.height, geometry_.width);
    std::map<std::pair<int, int>, MaskBuilder> builders;
    std::vector<uint32_t> counts(mostLabels);
    for (int64_t unit = firstUnit; unit < lastUnit; unit++)
      for (size_t i = 0; i < images; i++) {
        const LabelPlanes &p = planes[i];
        const size_t record = static_cast<size_t>(unit) * images + i;
        if (p.labels.empty() || hot.begin(record) == hot.end(record))
          continue;
        const std::pair<int, int> size{p.height, p.width};
        auto builder = builders.find(size);
        if (builder == builders.end())
          builder = builders.emplace(size, MaskBuilder(grids_.at(size))).first;
        MaskBuilder &mask = builder->second;
        const uint32_t count = mask.build(cells.decode(hot.begin(record), hot.end(record)), thresholds[unit]);
        if (!count)
          continue;
        for (const int32_t category : present[i])
          categoryPixels_[unit * labels_.categories + category] += count;
        std::fill(counts.begin(), counts.end(), 0);
        kernels().intersect(mask.row(mask.begin()), p.row(mask.begin()), mask.end() - mask.begin(),
                            static_cast<int>(p.labels.size()), p.words, counts.data());
        int64_t *row = intersections_.data() + unit * labelCount;
        for (size_t l = 0; l < p.labels.size(); l++)
          row[p.labels[l]] += counts[l];
      }
  });
}

static std::vector<double> transposed(const std::vector<int64_t> &counts, int64_t units) {
  const int64_t columns = units ? static_cast<int64_t>(counts.size()) / units : 0;
  std::vector<double> result(counts.size());
  for (int64_t u = 0; u < units; u++)
    for (int64_t c = 0; c < columns; c++)
      result[c * units + u] = static_cast<double>(counts[u * columns + c]);
  return result;
}

std::vector<double> LayerTally::categoryPixels() const { return transposed(categoryPixels_, units_); }
std::vector<double> LayerTally::intersections() const { return transposed(intersections_, units_); }

} // namespace netdissect
