#include "tally/tally.h"
#include "kernels/kernels.h"
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

LayerTally::LayerTally(int64_t units, const MapGeometry &geometry, const LabelTable &labels)
    : units_(units), geometry_(geometry), labels_(labels), categoryPixels_(units * labels.categories),
      intersections_(units * labels.category.size()) {}

LabelledImages::LabelledImages(std::vector<LabelPlanes> all, const LabelTable &table)
    : planes(std::move(all)), categories(planes.size()) {
  for (size_t i = 0; i < planes.size(); i++) {
    mostLabels = std::max(mostLabels, planes[i].labels.size());
    for (const uint16_t label : planes[i].labels)
      categories[i].push_back(table.category[label]);
    std::sort(categories[i].begin(), categories[i].end());
    categories[i].erase(std::unique(categories[i].begin(), categories[i].end()), categories[i].end());
  }
}

void LayerTally::prepare(const LabelledImages &images) {
  for (const LabelPlanes &p : images.planes)
    if (const std::pair<int, int> size{p.height, p.width}; !p.labels.empty() && !grids_.count(size))
      grids_.emplace(size, geometry_.grid(p.height, p.width));
}

void LayerTally::add(int64_t firstUnit, int64_t lastUnit, const std::vector<std::unique_ptr<BlockView>> &hot,
                     const std::vector<int64_t> &sizes, const LabelledImages &images,
                     const std::vector<float> &thresholds) {
  const Kernels &k = kernels();
  HotCells cells(geometry_.height, geometry_.width);
  std::map<std::pair<int, int>, MaskBuilder> builders;
  std::vector<uint32_t> counts(images.mostLabels);
  size_t first = 0;
  for (size_t block = 0; block < hot.size(); first += sizes[block++])
    for (int64_t unit = firstUnit; unit < lastUnit; unit++)
      for (int64_t i = 0; i < sizes[block]; i++) {
        const LabelPlanes &p = images.planes[first + i];
        const size_t record = static_cast<size_t>(unit * sizes[block] + i);
        const uint32_t *begin = hot[block]->begin(record), *end = hot[block]->end(record);
        if (begin == end || p.labels.empty() || !(HotCells::largest(begin) > thresholds[unit]))
          continue;
        const std::pair<int, int> size{p.height, p.width};
        auto builder = builders.find(size);
        if (builder == builders.end())
          builder = builders.emplace(size, MaskBuilder(grids_.at(size))).first;
        MaskBuilder &mask = builder->second;
        const uint32_t count = mask.build(cells.decode(begin, end), thresholds[unit]);
        if (!count)
          continue;
        for (const int32_t category : images.categories[first + i])
          categoryPixels_[unit * labels_.categories + category] += count;
        std::fill(counts.begin(), counts.end(), 0);
        k.intersect(mask.row(mask.begin()), p.row(mask.begin()), mask.end() - mask.begin(),
                    static_cast<int>(p.labels.size()), p.words, counts.data());
        int64_t *row = intersections_.data() + unit * labels_.category.size();
        for (size_t l = 0; l < p.labels.size(); l++)
          row[p.labels[l]] += counts[l];
      }
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
