#include "pictures/resample.h"
#include "kernels/kernels.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace netdissect {

namespace {

constexpr int32_t one = 1 << 22; // in the fixed point of the kernels

/// The filter of one axis: of each output pixel, the first input pixel, the one after the last, and the
/// weights.
struct Filter {
  std::vector<int32_t> starts, ends;
  std::vector<int32_t> weights; // [output, taps]
  int taps;

  /// `count` pixels from `length` ones, of which they show `extent` from `first` on.
  Filter(int length, double first, double extent, int count) : starts(count), ends(count) {
    const double scale = extent / count, support = std::max(scale, 1.0);
    taps = static_cast<int>(std::ceil(support)) * 2 + 1;
    weights.resize(static_cast<size_t>(count) * taps);
    std::vector<double> exact(taps);
    for (int i = 0; i < count; i++) {
      const double centre = first + (i + 0.5) * scale;
      starts[i] = std::max(0, static_cast<int>(centre - support + 0.5));
      ends[i] = std::min(length, static_cast<int>(centre + support + 0.5));
      double sum = 0;
      for (int k = starts[i]; k < ends[i]; k++) {
        const double weight = std::max(0.0, 1 - std::abs((k - centre + 0.5) * (1 / support)));
        exact[k - starts[i]] = weight;
        sum += weight;
      }
      for (int k = 0; k < ends[i] - starts[i]; k++)
        weights[static_cast<size_t>(i) * taps + k] = static_cast<int32_t>(0.5 + exact[k] / sum * one);
    }
  }
};

} // namespace

void resample(const uint8_t *pixels, int sourceHeight, int sourceWidth, const Window &window, int height,
              int width, uint8_t *out) {
  const bool resizeRows = width != sourceWidth || window.width != width;
  const bool resizeColumns = height != sourceHeight || window.height != height;
  const size_t sourceBytes = static_cast<size_t>(sourceWidth) * 3, bytes = static_cast<size_t>(width) * 3;
  const Filter columns(sourceHeight, window.top, window.height, height);
  const int first = resizeColumns ? columns.starts.front() : 0; // of the rows that are read
  const int last = resizeColumns ? columns.ends.back() : sourceHeight;
  const uint8_t *rows = pixels + first * sourceBytes;
  std::vector<uint8_t> filtered;
  if (resizeRows) {
    const Filter filter(sourceWidth, window.left, window.width, width);
    if (resizeColumns)
      filtered.resize((last - first) * bytes);
    uint8_t *to = resizeColumns ? filtered.data() : out;
    std::vector<uint8_t> padded; // the image's last row, as nothing may be read after it
    for (int y = first; y < last; y++, rows += sourceBytes, to += bytes) {
      const uint8_t *row = rows;
      if (y == sourceHeight - 1) {
        padded.assign(rows, rows + sourceBytes);
        padded.push_back(0);
        row = padded.data();
      }
      kernels().filterRow(row, filter.starts.data(), filter.ends.data(), filter.weights.data(), filter.taps,
                          width, to);
    }
    rows = filtered.data();
  }
  if (resizeColumns) {
    std::vector<int32_t> sums(bytes);
    for (int y = 0; y < height; y++)
      kernels().filterColumn(rows + (columns.starts[y] - first) * bytes,
                             columns.weights.data() + static_cast<size_t>(y) * columns.taps,
                             columns.ends[y] - columns.starts[y], bytes, sums.data(), out + y * bytes);
  } else if (!resizeRows)
    std::copy_n(pixels, height * bytes, out);
}

} // namespace netdissect
