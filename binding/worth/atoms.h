// Pixels by the set of labels that they carry: an atom is such a set. What joins labels by OR, AND and NOT is
// a union of atoms, so that its counts are sums over them.
#pragma once
#include "store/segmentation.h"
#include "tally/upsample.h"
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace netdissect {

using LabelSet = std::vector<uint16_t>; // codes, ascending

/// The atom of every pixel of an image, by numbers of the image's own.
struct ImageAtoms {
  int height = 0, width = 0;
  std::vector<LabelSet> sets;   // of each number
  std::vector<uint32_t> pixels; // [height, width] numbers
  std::vector<int64_t> areas;   // of each number

  ImageAtoms() = default;
  explicit ImageAtoms(const Segmentation &segmentation);

  /// Calls `see(number)` for each pixel of a mask on this image's grid.
  template <class See> void forEachPixel(const MaskBuilder &mask, See see) const {
    const int words = (width + 63) / 64;
    for (int y = mask.begin(); y < mask.end(); y++) {
      const uint64_t *row = mask.row(y);
      const uint32_t *own = pixels.data() + static_cast<size_t>(y) * width;
      for (int w = 0; w < words; w++)
        for (uint64_t left = row[w]; left; left &= left - 1)
          see(own[w * 64 + __builtin_ctzll(left)]);
    }
  }
};

/// The atoms of all images that have any label.
class AtomTable {
public:
  /// Adds an image's; the first that are new get the next numbers.
  void add(const ImageAtoms &image);
  size_t size() const { return sets_.size(); }
  /// Of memory, about.
  int64_t bytes() const { return bytes_; }
  const LabelSet &set(size_t atom) const { return sets_[atom]; }
  int64_t area(size_t atom) const { return areas_[atom]; }
  /// The table's number of each of an image's atoms, which were added before.
  std::vector<uint32_t> numbersOf(const ImageAtoms &image) const;

private:
  struct Hash {
    size_t operator()(const LabelSet &set) const;
  };
  std::unordered_map<LabelSet, uint32_t, Hash> numbers_;
  std::vector<LabelSet> sets_;
  std::vector<int64_t> areas_;
  int64_t bytes_ = 0;
};

} // namespace netdissect
