#include "base/parallel.h"
#include "base/stopwatch.h"
#include "run/dissection.h"
#include <algorithm>

namespace netdissect {

int64_t Dissection::countBlocks(int64_t blocks) {
  const Stopwatch watch(profile_.count);
  const size_t begin = counted_;
  const size_t end = std::min(segmentations_.size(), begin + static_cast<size_t>(blocks));
  // Everything of some blocks in two parallel steps: the label planes of all images, then all units of all
  // layers.
  std::vector<std::unique_ptr<BlockView>> records;
  std::vector<int64_t> sizes;
  std::vector<const uint32_t *> images;
  for (size_t b = begin; b < end; b++) {
    records.push_back(std::make_unique<BlockView>(segmentations_[b], spill_));
    sizes.push_back(pieces_[b].images);
    for (int64_t i = 0; i < sizes.back(); i++)
      images.push_back(records.back()->begin(i));
  }
  std::vector<LabelPlanes> planes(images.size());
  std::vector<std::vector<uint32_t>> areas(images.size());
  parallelFor(static_cast<int64_t>(images.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      planes[i] = LabelPlanes(Segmentation(images[i]));
      areas[i] = planes[i].areas();
    }
  });
  size_t image = 0;
  for (const int64_t size : sizes) {
    Block &kept = areas_.emplace_back();
    for (int64_t i = 0; i < size; i++, image++) {
      kept.words.insert(kept.words.end(), areas[image].begin(), areas[image].end());
      kept.ends.push_back(static_cast<uint32_t>(kept.words.size()));
      for (size_t l = 0; l < areas[image].size(); l++)
        labelPixels_[planes[image].labels[l]] += areas[image][l];
    }
  }
  const LabelledImages labelled(std::move(planes), options_.labels);
  std::vector<std::vector<std::unique_ptr<BlockView>>> hot(layers_.size());
  std::vector<int64_t> ends; // of the layers' units in the sequence of all units
  for (size_t l = 0; l < layers_.size(); l++) {
    for (size_t b = begin; b < end; b++)
      hot[l].push_back(std::make_unique<BlockView>(layers_[l].hot[b], spill_));
    layers_[l].tally->prepare(labelled);
    ends.push_back((ends.empty() ? 0 : ends.back()) + layers_[l].units);
  }
  parallelFor(ends.back(), 8, [&](int64_t first, int64_t last) {
    for (size_t l = 0; l < layers_.size(); l++) {
      const int64_t start = ends[l] - layers_[l].units;
      const int64_t from = std::max(first, start) - start, to = std::min(last, ends[l]) - start;
      if (from < to)
        layers_[l].tally->add(from, to, hot[l], sizes, labelled, layers_[l].thresholds);
    }
  });
  counted_ = end;
  return counted_ == 0 ? 0 : pieces_[counted_ - 1].first + pieces_[counted_ - 1].images;
}

} // namespace netdissect
