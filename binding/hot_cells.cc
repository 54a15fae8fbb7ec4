#include "hot_cells.h"
#include "kernels.h"
#include <algorithm>
#include <cstring>
#include <limits>

namespace netdissect {

constexpr int lengthBits = 10;
constexpr uint32_t longestRun = (1u << lengthBits) - 1;
constexpr float farUnder = std::numeric_limits<float>::lowest();

HotCells::HotCells(int height, int width)
    : height_(height), width_(width), words_((width + 63) / 64), over_(static_cast<size_t>(height) * words_),
      wide_(static_cast<size_t>(height + 2) * words_, 0),
      map_(static_cast<size_t>(height) * width, farUnder) {}

void HotCells::encode(const float *map, float bound, Words &out) {
  // Cells over the bound, widened by one cell to the left and right; wide_ has an empty row above and below.
  for (int y = 0; y < height_; y++) {
    uint64_t *over = over_.data() + static_cast<size_t>(y) * words_;
    uint64_t *wide = wide_.data() + static_cast<size_t>(y + 1) * words_;
    kernels().overBits(map + static_cast<size_t>(y) * width_, width_, bound, over);
    for (int w = 0; w < words_; w++)
      wide[w] = over[w] | over[w] << 1 | over[w] >> 1 | (w > 0 ? over[w - 1] >> 63 : 0) |
                (w + 1 < words_ ? over[w + 1] << 63 : 0);
    if (width_ % 64)
      wide[words_ - 1] &= (uint64_t{1} << width_ % 64) - 1;
  }
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
}

const float *HotCells::decode(const uint32_t *begin, const uint32_t *end) {
  for (size_t i = 0; i < dirty_.size(); i += 2)
    std::fill_n(map_.begin() + dirty_[i], dirty_[i + 1], farUnder);
  dirty_.clear();
  while (begin != end) {
    const uint32_t start = *begin >> lengthBits, length = *begin & longestRun;
    std::memcpy(map_.data() + start, begin + 1, length * sizeof(float));
    dirty_.insert(dirty_.end(), {start, length});
    begin += 1 + length;
  }
  return map_.data();
}

} // namespace netdissect
