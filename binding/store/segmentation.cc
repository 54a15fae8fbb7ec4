#include "store/segmentation.h"
#include "kernels/kernels.h"
#include <algorithm>

namespace netdissect {

namespace {

constexpr int32_t none = -1;

/// A map's codes by index; found[0] is the one of a constant map, else none.
struct Indexed {
  std::vector<int32_t> found{none};
  std::vector<uint16_t> places; // code -> index; 0 where it was not found
  bool constant = true;
};

/// Calls take(number) for every pixel.
template <class Take> void eachPixel(const LabelMap &map, size_t pixels, Take take) {
  if (map.numbers)
    for (size_t i = 0; i < pixels; i++)
      take(uint32_t{map.numbers[i]});
  else {
    const bool high = map.channels >= 3;
    const uint8_t *pixel = map.bytes;
    for (size_t i = 0; i < pixels; i++, pixel += map.channels)
      take(pixel[0] + (high ? 256u * pixel[1] : 0u));
  }
}

Indexed indexMap(const LabelMap &map, size_t pixels, const LabelTable &table) {
  Indexed result;
  if (!map.numbers && !map.bytes) {
    result.found[0] = table.code(map.constant);
    return result;
  }
  result.constant = false;
  result.places.resize(table.size(), 0);
  eachPixel(map, pixels, [&](uint32_t number) {
    const int32_t code = table.code(number);
    if (code == none || result.places[code])
      return;
    result.places[code] = static_cast<uint16_t>(result.found.size());
    result.found.push_back(code);
  });
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
  for (size_t m = 0; m < indexed.size(); m++) {
    const Indexed &map = indexed[m];
    int bits = 0;
    if (!map.constant)
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
    if (map.constant)
      continue;
    uint32_t *word = out.data() + first;
    int shift = 0;
    eachPixel(maps.maps[m], pixels, [&](uint32_t number) {
      const int32_t code = table.code(number);
      *word |= (code == none ? 0u : map.places[code]) << shift;
      shift += bits;
      if (shift == 32) {
        shift = 0;
        word++;
      }
    });
  }
}

Segmentation::Segmentation(const uint32_t *record)
    : height(static_cast<int>(record[0])), width(static_cast<int>(record[1])),
      labels(record + 3, record + 3 + record[2]), maps(record[3 + record[2]]),
      first_(record + 4 + record[2]) {}

bool Segmentation::fits(const uint32_t *begin, const uint32_t *end, size_t labels) {
  const auto left = [&] { return static_cast<uint64_t>(end - begin); };
  if (left() < 4)
    return false;
  const uint64_t height = begin[0], width = begin[1], present = begin[2];
  constexpr uint64_t most = uint64_t{1} << 28; // pixels, as of label maps that are observed
  if (height < 1 || width < 1 || height > most || width > most || height * width > most)
    return false;
  begin += 3;
  if (present >= left() || present > labels)
    return false;
  for (uint64_t l = 0; l < present; l++)
    if (begin[l] >= labels || (l && begin[l] <= begin[l - 1]))
      return false;
  begin += present;
  uint64_t maps = *begin++;
  for (; maps > 0; maps--) {
    if (left() < 2)
      return false;
    const uint64_t bits = begin[0], found = begin[1];
    begin += 2;
    const bool power = bits == 0 || bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
    if (!power || found < 1 || found > left() || found > (uint64_t{1} << bits))
      return false;
    for (uint64_t i = 0; i < found; i++)
      if (begin[i] > present)
        return false;
    begin += found;
    const uint64_t words = (height * width * bits + 31) / 32;
    if (words > left())
      return false;
    // an index stands for something that was found
    if (bits && found < uint64_t{1} << bits)
      for (uint64_t pixel = 0; pixel < height * width; pixel++)
        if ((begin[pixel / (32 / bits)] >> pixel % (32 / bits) * bits & ((1u << bits) - 1)) >= found)
          return false;
    begin += words;
  }
  return begin == end;
}

Words recoded(const uint32_t *record, const std::vector<int32_t> &codes) {
  const uint64_t pixels = uint64_t{record[0]} * record[1];
  Words out{record[0], record[1], 0};
  std::vector<uint32_t> places{0}; // of each label that was present, plus one; 0 for none
  for (uint32_t l = 0; l < record[2]; l++) {
    const int32_t code = codes[record[3 + l]];
    if (code >= 0)
      out.push_back(static_cast<uint32_t>(code));
    places.push_back(code < 0 ? 0 : static_cast<uint32_t>(out.size() - 3));
  }
  out[2] = static_cast<uint32_t>(out.size() - 3);
  const uint32_t *at = record + 3 + record[2];
  uint32_t maps = *at++;
  out.push_back(maps);
  for (; maps > 0; maps--) {
    const uint32_t bits = at[0], found = at[1];
    out.insert(out.end(), at, at + 2);
    for (uint32_t i = 0; i < found; i++)
      out.push_back(places[at[2 + i]]);
    at += 2 + found;
    const uint64_t words = (pixels * bits + 31) / 32;
    out.insert(out.end(), at, at + words);
    at += words;
  }
  return out;
}

void Segmentation::unpack(size_t map, uint16_t *out) const {
  unpack(map, out, 0, static_cast<size_t>(height) * width);
}

void Segmentation::unpack(size_t map, uint16_t *out, size_t begin, size_t count) const {
  const size_t pixels = static_cast<size_t>(height) * width;
  const uint32_t *at = first_;
  while (map--)
    at += 2 + at[1] + (pixels * at[0] + 31) / 32;
  const uint32_t bits = at[0];
  const uint32_t *meaning = at + 2, *packed = meaning + at[1];
  if (bits == 0) {
    std::fill_n(out, count, static_cast<uint16_t>(meaning[0]));
    return;
  }
  const uint32_t mask = (1u << bits) - 1;
  const size_t perWord = 32 / bits;
  size_t k = begin % perWord; // where a word begins is 0, but for the first
  packed += begin / perWord;
  for (size_t i = 0; i < count; k = 0, packed++)
    for (; k < perWord && i < count; k++, i++)
      out[i] = static_cast<uint16_t>(meaning[*packed >> k * bits & mask]);
}

LabelPlanes::LabelPlanes(const Segmentation &segmentation)
    : height(segmentation.height), width(segmentation.width), words((width + 63) / 64),
      labels(segmentation.labels), bits(static_cast<size_t>(height) * labels.size() * words, 0) {
  constexpr int some = 1 << 20; // pixels at once: a map may have hundreds of millions
  const int rows = std::min(height, std::max(1, some / width));
  std::vector<uint16_t> map(static_cast<size_t>(rows) * width);
  for (size_t m = 0; m < segmentation.maps; m++)
    for (int top = 0; top < height; top += rows) {
      const int bottom = std::min(height, top + rows);
      segmentation.unpack(m, map.data(), static_cast<size_t>(top) * width,
                          static_cast<size_t>(bottom - top) * width);
      for (int y = top; y < bottom; y++) {
        uint64_t *row = bits.data() + static_cast<size_t>(y) * labels.size() * words;
        const uint16_t *index = map.data() + static_cast<size_t>(y - top) * width;
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
