#include "worth/atoms.h"
#include <algorithm>

namespace netdissect {

ImageAtoms::ImageAtoms(const Segmentation &segmentation)
    : height(segmentation.height), width(segmentation.width), sets{{}},
      pixels(static_cast<size_t>(height) * width, 0) {
  std::vector<uint16_t> map(pixels.size());
  for (size_t m = 0; m < segmentation.maps; m++) {
    segmentation.unpack(m, map.data());
    // each set so far and each label of this map make a set
    std::unordered_map<uint64_t, uint32_t> joined;
    std::vector<LabelSet> next;
    uint64_t lastKey = ~uint64_t{0};
    uint32_t last = 0;
    for (size_t p = 0; p < pixels.size(); p++) {
      const uint64_t key = uint64_t{pixels[p]} << 16 | map[p];
      if (key != lastKey) {
        const auto [at, isNew] = joined.try_emplace(key, static_cast<uint32_t>(next.size()));
        if (isNew) {
          LabelSet set = sets[pixels[p]];
          if (map[p])
            set.push_back(segmentation.labels[map[p] - 1]);
          next.push_back(std::move(set));
        }
        lastKey = key;
        last = at->second;
      }
      pixels[p] = last;
    }
    sets = std::move(next);
  }
  for (LabelSet &set : sets) {
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
  }
  areas.resize(sets.size());
  for (const uint32_t number : pixels)
    areas[number]++;
}

size_t AtomTable::Hash::operator()(const LabelSet &set) const {
  size_t hash = 14695981039346656037u; // FNV-1a
  for (const uint16_t code : set)
    hash = (hash ^ code) * 1099511628211u;
  return hash;
}

void AtomTable::add(const ImageAtoms &image) {
  for (size_t i = 0; i < image.sets.size(); i++) {
    const auto [at, isNew] = numbers_.try_emplace(image.sets[i], static_cast<uint32_t>(sets_.size()));
    if (isNew) {
      sets_.push_back(image.sets[i]);
      areas_.push_back(0);
      // the set twice, and what two vectors and an entry of the map take
      bytes_ += static_cast<int64_t>(2 * image.sets[i].size() * sizeof(uint16_t) + 128);
    }
    areas_[at->second] += image.areas[i];
  }
}

std::vector<uint32_t> AtomTable::numbersOf(const ImageAtoms &image) const {
  std::vector<uint32_t> result;
  for (const LabelSet &set : image.sets)
    result.push_back(numbers_.at(set));
  return result;
}

} // namespace netdissect
