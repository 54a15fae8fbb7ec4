#include "tally/upsample.h"
#include "base/bits.h"
#include "kernels/kernels.h"
#include <algorithm>
#include <cmath>

namespace netdissect {

Axis::Axis(int source, int target, double scale, double offset)
    : source(source), target(target), low(target), high(target), weight(target), first(source, target),
      last(source, 0) {
  for (int t = 0; t < target; t++) {
    const double c = std::clamp((t - offset) / scale, 0.0, static_cast<double>(source - 1));
    const double cell = std::floor(c);
    low[t] = static_cast<int32_t>(cell);
    high[t] = std::min(low[t] + 1, source - 1);
    weight[t] = static_cast<float>(c - cell);
    for (const int32_t read : {low[t], high[t]}) {
      first[read] = std::min(first[read], t);
      last[read] = std::max(last[read], t + 1);
    }
  }
}

Axis Axis::aligned(int source, int target) {
  const double scale = static_cast<double>(target) / source;
  return Axis(source, target, scale, scale / 2 - 0.5);
}

MaskBuilder::MaskBuilder(const Grid &grid)
    : grid_(grid), words_(grid.words()), padded_(words_ * 64), sourceWords_((grid.x.source + 63) / 64),
      over_((static_cast<size_t>(grid.y.source) * grid.x.source + 63) / 64 + 1),
      bits_(static_cast<size_t>(grid.y.target) * words_), reach_(static_cast<size_t>(grid.y.source) * words_),
      cells_(sourceWords_), hot_(grid.y.source), done_(grid.y.source, 0),
      stretched_(static_cast<size_t>(grid.y.source) * padded_) {}

static void setRange(uint64_t *words, int begin, int end) {
  for (int w = begin / 64; begin < end; w++, begin = w * 64) {
    const int from = begin - w * 64, to = std::min(end - w * 64, 64);
    const uint64_t upTo = to == 64 ? ~uint64_t{0} : (uint64_t{1} << to) - 1;
    words[w] |= upTo & ~((uint64_t{1} << from) - 1);
  }
}

const float *MaskBuilder::stretched(const float *map, int row) {
  float *out = stretched_.data() + static_cast<size_t>(row) * padded_;
  if (done_[row] != round_) {
    done_[row] = round_;
    const Axis &x = grid_.x;
    kernels().interpolate(map + static_cast<size_t>(row) * x.source, x.low.data(), x.high.data(),
                          x.weight.data(), left_, right_, out);
  }
  return out;
}

uint32_t MaskBuilder::build(const float *map, float level) {
  const Kernels &k = kernels();
  const Axis &x = grid_.x, &y = grid_.y;
  round_++;
  begin_ = y.target;
  end_ = 0;
  left_ = x.target;
  right_ = 0;
  k.overBits(map, y.source * x.source, level, over_.data());
  // The pixels that read a cell over the level, row of cells by row of cells.
  for (int r = 0; r < y.source; r++) {
    copyBits(over_.data(), static_cast<size_t>(r) * x.source, x.source, cells_.data());
    hot_[r] = 0;
    uint64_t *reach = reach_.data() + static_cast<size_t>(r) * words_;
    for (int w = 0; w < sourceWords_; w++)
      for (uint64_t left = cells_[w]; left; left &= left - 1) {
        if (!hot_[r])
          std::fill_n(reach, words_, 0);
        hot_[r] = 1;
        const int cell = w * 64 + __builtin_ctzll(left);
        setRange(reach, x.first[cell], x.last[cell]);
        left_ = std::min(left_, x.first[cell]);
        right_ = std::max(right_, x.last[cell]);
      }
    if (hot_[r]) {
      begin_ = std::min(begin_, y.first[r]);
      end_ = std::max(end_, y.last[r]);
    }
  }
  for (int t = begin_; t < end_; t++) {
    uint64_t *out = bits_.data() + static_cast<size_t>(t) * words_;
    const int i = y.low[t], j = y.high[t];
    if (!hot_[i] && !hot_[j]) {
      std::fill_n(out, words_, 0);
      continue;
    }
    const uint64_t *reachI = reach_.data() + static_cast<size_t>(i) * words_;
    const uint64_t *reachJ = reach_.data() + static_cast<size_t>(j) * words_;
    const float *upper = stretched(map, i), *lower = stretched(map, j);
    for (int w = 0; w < words_; w++) {
      const uint64_t wanted = (hot_[i] ? reachI[w] : 0) | (hot_[j] ? reachJ[w] : 0);
      out[w] = wanted ? k.maskWord(upper + w * 64, lower + w * 64, y.weight[t], level, wanted) : 0;
    }
  }
  if (end_ <= begin_) {
    begin_ = end_ = 0;
    return 0;
  }
  return kernels().popcount(row(begin_), static_cast<size_t>(end_ - begin_) * words_);
}

} // namespace netdissect
