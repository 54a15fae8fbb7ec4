#include "store/hot_cells.h"
#include "base/bits.h"
#include "kernels/kernels.h"
#include <algorithm>
#include <cstring>
#include <limits>

namespace netdissect {

constexpr int lengthBits = 10;
constexpr uint32_t longestRun = (1u << lengthBits) - 1;
constexpr float farUnder = std::numeric_limits<float>::lowest();

static uint32_t wordOf(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof word);
  return word;
}

static float valueOf(const uint32_t *word) {
  float value;
  std::memcpy(&value, word, sizeof value);
  return value;
}

float HotCells::largest(const uint32_t *record) { return valueOf(record); }

HotCells::HotCells(int height, int width)
    : height_(height), width_(width), words_((width + 63) / 64),
      over_((static_cast<size_t>(height) * width + 63) / 64 + 1),
      wide_(static_cast<size_t>(height + 2) * words_, 0),
      map_(static_cast<size_t>(height) * width, farUnder) {}

void HotCells::encode(const float *map, float bound, Words &out) {
  kernels().overBits(map, height_ * width_, bound, over_.data());
  if (std::all_of(over_.begin(), over_.end(), [](uint64_t word) { return word == 0; }))
    return;
  // Widened by one cell to the left and right.
  for (int y = 0; y < height_; y++) {
    uint64_t *wide = wide_.data() + static_cast<size_t>(y + 1) * words_;
    copyBits(over_.data(), static_cast<size_t>(y) * width_, width_, wide);
    uint64_t before = 0; // the word to the left as it was
    for (int w = 0; w < words_; w++) {
      const uint64_t over = wide[w];
      wide[w] |= over << 1 | over >> 1 | before >> 63 | (w + 1 < words_ ? wide[w + 1] << 63 : 0);
      before = over;
    }
    if (width_ % 64)
      wide[words_ - 1] &= (uint64_t{1} << width_ % 64) - 1;
  }
  const size_t head = out.size();
  float largest = farUnder;
  out.push_back(0);
  for (int y = 0; y < height_; y++) {
    const uint64_t *wide = wide_.data() + static_cast<size_t>(y) * words_;
    const float *row = map + static_cast<size_t>(y) * width_;
    uint32_t runStart = 0, runLength = 0;
    const auto flush = [&] {
      for (uint32_t done = 0; done < runLength;) {
        const uint32_t length = std::min(runLength - done, longestRun), start = runStart + done;
        out.push_back((static_cast<uint32_t>(y) * width_ + start) << lengthBits | length);
        const size_t at = out.size();
        out.resize(at + length);
        std::memcpy(out.data() + at, row + start, length * sizeof(float));
        for (uint32_t i = start; i < start + length; i++)
          largest = std::max(largest, row[i]);
        done += length;
      }
      runLength = 0;
    };
    for (int w = 0; w < words_; w++)
      for (uint64_t left = wide[w] | wide[w + words_] | wide[w + 2 * words_]; left;) {
        const int from = __builtin_ctzll(left);
        const uint64_t gaps = ~(left >> from);
        const int length = gaps ? std::min(__builtin_ctzll(gaps), 64 - from) : 64;
        const uint32_t start = static_cast<uint32_t>(w * 64 + from);
        if (runLength && runStart + runLength != start)
          flush();
        if (!runLength)
          runStart = start;
        runLength += length;
        left = from + length == 64 ? 0 : left >> (from + length) << (from + length);
      }
    flush();
  }
  out[head] = wordOf(largest);
}

bool HotCells::fits(const uint32_t *begin, const uint32_t *end, int64_t cells) {
  if (begin == end)
    return true;
  for (begin++; begin != end;) {
    const uint32_t start = *begin >> lengthBits, length = *begin & longestRun;
    begin++;
    if (length == 0 || length > end - begin || start + int64_t{length} > cells)
      return false;
    begin += length;
  }
  return true;
}

void HotCells::valuesOver(float bound, const uint32_t *begin, const uint32_t *end, std::vector<float> &out) {
  if (begin == end || !(largest(begin) > bound))
    return;
  for (begin++; begin != end;) {
    const uint32_t length = *begin & longestRun;
    begin++;
    for (const uint32_t *last = begin + length; begin != last; begin++)
      if (const float value = valueOf(begin); value > bound)
        out.push_back(value);
  }
}

const float *HotCells::decode(const uint32_t *begin, const uint32_t *end) {
  for (const Run &run : dirty_)
    std::fill_n(map_.begin() + run.start, run.length, farUnder);
  dirty_.clear();
  if (begin == end)
    return map_.data();
  for (begin++; begin != end;) {
    const uint32_t start = *begin >> lengthBits, length = *begin & longestRun;
    begin++;
    std::memmove(map_.data() + start, begin, length * sizeof(float));
    dirty_.push_back({start, length});
    begin += length;
  }
  return map_.data();
}

} // namespace netdissect
