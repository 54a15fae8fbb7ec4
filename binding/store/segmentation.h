// Label maps: kept packed while the data passes, unpacked to one plane of bits a label when they are counted.
#pragma once
#include "store/block.h"
#include "store/label_table.h"
#include <cstdint>
#include <vector>

namespace netdissect {

/// One label map of an image as it comes from JavaScript.
struct LabelMap {
  uint32_t constant = 0;             // the label of every pixel, where `numbers` and `bytes` are null
  const uint16_t *numbers = nullptr; // [height, width] label numbers
  const uint8_t *bytes = nullptr; // [height, width, channels]: R + 256·G, or the number itself of one channel
  int channels = 0;
};

/// The label maps of one image, on one grid.
struct LabelMaps {
  int height = 0, width = 0;
  std::vector<LabelMap> maps;
};

/// Appends the record of an image's label maps; what is no label becomes 0.
void packSegmentation(const LabelMaps &maps, const LabelTable &table, Words &out);

/// A record of packSegmentation: height, width, the codes of the labels present (ascending), then for each
/// map the bits of an index (0 where the map is constant), how many indices there are, what each stands for
/// (a place in the labels present plus one; 0 is no label), and the packed indices.
class Segmentation {
public:
  Segmentation() = default;
  explicit Segmentation(const uint32_t *record);

  /// Whether this is a record, of so many labels.
  static bool fits(const uint32_t *begin, const uint32_t *end, size_t labels);

  int height = 0, width = 0;
  std::vector<uint16_t> labels; // codes
  size_t maps = 0;

  /// Pixel by pixel `[height, width]` what a map says: a place in `labels` plus one, or 0.
  void unpack(size_t map, uint16_t *out) const;
  /// The same of `count` pixels from the `begin`-th on.
  void unpack(size_t map, uint16_t *out, size_t begin, size_t count) const;

private:
  const uint32_t *first_ = nullptr;
};

/// The record with other codes, `codes[code]`, -1 for what is no label any more; the order of codes stays.
Words recoded(const uint32_t *record, const std::vector<int32_t> &codes);

/// Planes of bits: `[height][labels][words]`, one plane for each label present.
struct LabelPlanes {
  int height = 0, width = 0, words = 0;
  std::vector<uint16_t> labels; // codes
  std::vector<uint64_t> bits;

  LabelPlanes() = default;
  explicit LabelPlanes(const Segmentation &segmentation);
  const uint64_t *row(int y) const { return bits.data() + static_cast<size_t>(y) * labels.size() * words; }
  /// Pixels of each label.
  std::vector<uint32_t> areas() const;
};

} // namespace netdissect
