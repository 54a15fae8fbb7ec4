#include "store/segmentation.h"
#include "kernels/kernels.h"
#include <algorithm>

namespace netdissect {

namespace {

constexpr int32_t none = -1;

/// A map as indices into the codes found in it; found[0] is the one of a constant map, else none.
struct Indexed {
  std::vector<int32_t> found{none};
  std::vector<uint16_t> indices;
};

Indexed indexMap(const LabelMap &map, size_t pixels, const LabelTable &table) {
  Indexed result;
  if (!map.numbers && !map.bytes) {
    result.found[0] = table.code(map.constant);
    return result;
  }
  std::vector<uint16_t> places(table.size(), 0); // code -> index; 0 where it was not found yet
  const auto indexOf = [&](uint32_t number) -> uint16_t {
    const int32_t code = table.code(number);
    if (code == none)
      return 0;
    if (!places[code]) {
      places[code] = static_cast<uint16_t>(result.found.size());
      result.found.push_back(code);
    }
    return places[code];
  };
  result.indices.resize(pixels);
  uint16_t *out = result.indices.data();
  if (map.numbers)
    for (size_t i = 0; i < pixels; i++)
      out[i] = indexOf(map.numbers[i]);
  else {
    const bool high = map.channels >= 3;
    const uint8_t *pixel = map.bytes;
    for (size_t i = 0; i < pixels; i++, pixel += map.channels)
      out[i] = indexOf(pixel[0] + (high ? 256u * pixel[1] : 0));
  }
  return result;
}

} // namespace

void packSegmentation(const LabelMaps &maps, const LabelTable &table, Words &out) {
  const size_t pixels = static_cast<size_t>(maps.height) * maps.width;
  std::vector<Indexed> indexed;
  std::vector<int32_t> labels;
  for (const LabelMap &map : maps.maps) {
    indexed.push_back(indexMap(map, pixels, table));
    labels.insert(labels.end(), indexed.back().found.begin(), indexed.back().found.end());
  }
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  if (!labels.empty() && labels[0] == none)
    labels.erase(labels.begin());

  out.insert(out.end(), {static_cast<uint32_t>(maps.height), static_cast<uint32_t>(maps.width),
                         static_cast<uint32_t>(labels.size())});
  out.insert(out.end(), labels.begin(), labels.end());
  out.push_back(static_cast<uint32_t>(indexed.size()));
  for (const Indexed &map : indexed) {
    int bits = 0;
    if (!map.indices.empty())
      for (bits = 1; (size_t{1} << bits) < map.found.size();)
        bits *= 2;
    out.insert(out.end(), {static_cast<uint32_t>(bits), static_cast<uint32_t>(map.found.size())});
    for (const int32_t code : map.found)
      out.push_back(code == none
                        ? 0
                        : static_cast<uint32_t>(std::lower_bound(labels.begin(), labels.end(), code) -
                                                labels.begin() + 1));
    const size_t first = out.size();
    out.resize(first + (pixels * bits + 31) / 32, 0);
    const size_t perWord = bits ? 32 / bits : 1;
    for (size_t i = 0, word = first; i < map.indices.size(); i += perWord, word++)
      for (size_t k = 0; k < std::min(perWord, map.indices.size() - i); k++)
        out[word] |= static_cast<uint32_t>(map.indices[i + k]) << k * bits;
  }
}

Segmentation::Segmentation(const uint32_t *record)
    : height(static_cast<int>(record[0])), width(static_cast<int>(record[1])),
      labels(record + 3, record + 3 + record[2]), maps(record[3 + record[2]]),
      first_(record + 4 + record[2]) {}

void Segmentation::unpack(size_t map, uint16_t *out) const {
  const size_t pixels = static_cast<size_t>(height) * width;
  const uint32_t *at = first_;
  while (map--)
    at += 2 + at[1] + (pixels * at[0] + 31) / 32;
  const uint32_t bits = at[0];
  const uint32_t *meaning = at + 2, *packed = meaning + at[1];
  if (bits == 0) {
    std::fill_n(out, pixels, static_cast<uint16_t>(meaning[0]));
    return;
  }
  const uint32_t mask = (1u << bits) - 1;
  const size_t perWord = 32 / bits;
  for (size_t i = 0; i < pixels; i += perWord, packed++)
    for (size_t k = 0; k < std::min(perWord, pixels - i); k++)
      out[i + k] = static_cast<uint16_t>(meaning[*packed >> k * bits & mask]);
}

LabelPlanes::LabelPlanes(const Segmentation &segmentation)
    : height(segmentation.height), width(segmentation.width), words((width + 63) / 64),
      labels(segmentation.labels), bits(static_cast<size_t>(height) * labels.size() * words, 0) {
  std::vector<uint16_t> map(static_cast<size_t>(height) * width);
  for (size_t m = 0; m < segmentation.maps; m++) {
    segmentation.unpack(m, map.data());
    for (int y = 0; y < height; y++) {
      uint64_t *row = bits.data() + static_cast<size_t>(y) * labels.size() * words;
      const uint16_t *index = map.data() + static_cast<size_t>(y) * width;
      for (int x = 0; x < width; x++)
        if (index[x])
          row[static_cast<size_t>(index[x] - 1) * words + x / 64] |= uint64_t{1} << x % 64;
    }
  }
}

std::vector<uint32_t> LabelPlanes::areas() const {
  std::vector<uint32_t> areas(labels.size());
  const std::vector<uint64_t> everywhere(static_cast<size_t>(height) * words, ~uint64_t{0});
  kernels().intersect(everywhere.data(), bits.data(), height, static_cast<int>(labels.size()), words,
                      areas.data());
  return areas;
}

} // namespace netdissect
