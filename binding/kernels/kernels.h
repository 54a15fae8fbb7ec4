// The inner loops, compiled once for every instruction set and chosen at run time. All of them give the same
// results: the arithmetic is float32 without fused multiply-add, in the same order.
#pragma once
#include <cstddef>
#include <cstdint>

namespace netdissect {

struct Scan {
  float largest;
  bool finite;
  uint32_t over; // how many values are over the bound
};

struct Kernels {
  const char *name;

  /// The largest of `n` values, whether all are finite, and how many are over `bound`.
  Scan (*scan)(const float *values, size_t n, float bound);

  /// Bit i of `words` (⌈n/64⌉ of them) tells whether value i is over `bound`.
  void (*overBits)(const float *values, int n, float bound, uint64_t *words);

  /// out[x] = row[low[x]] + weight[x] · (row[high[x]] - row[low[x]]) for x in [begin, end).
  void (*interpolate)(const float *row, const int32_t *low, const int32_t *high, const float *weight,
                      int begin, int end, float *out);

  /// Of the 64 pixels upper[x] + weight · (lower[x] - upper[x]), those wanted and over `level`.
  uint64_t (*maskWord)(const float *upper, const float *lower, float weight, float level, uint64_t wanted);

  /// counts[l] += |mask ∧ plane l|; `mask` is [rows][words], `planes` [rows][labels][words].
  void (*intersect)(const uint64_t *mask, const uint64_t *planes, int rows, int labels, int words,
                    uint32_t *counts);

  /// The bits set in `n` words.
  uint32_t (*popcount)(const uint64_t *words, size_t n);

  /// to[c][r] = from[r][c] for a matrix [rows, columns] whose rows lie `stride` apart; `to` has rows of
  /// `rows`.
  void (*transpose)(const float *from, int64_t rows, int64_t columns, int64_t stride, float *to);

  /// A row of RGB pixels, filtered: out[x] is the sum of pixels first[x] to end[x] - 1 times weights[x][...],
  /// in 22-bit fixed point, rounded. `weights` is [count, taps]. A byte past the last pixel is read.
  void (*filterRow)(const uint8_t *row, const int32_t *first, const int32_t *end, const int32_t *weights,
                    int taps, int count, uint8_t *out);

  /// out[i] is the sum of rows[0][i] to rows[n - 1][i] times their weights, as above; a row has `bytes`
  /// bytes. `sums` is scratch for as many.
  void (*filterColumn)(const uint8_t *rows, const int32_t *weights, int n, size_t bytes, int32_t *sums,
                       uint8_t *out);

  /// sums[i] += weights[i] · value
  void (*addWeighted)(const uint8_t *weights, double value, double *sums, size_t n);
};

/// The fastest that this processor runs; NETDISSECT_SIMD=portable or avx2 holds it back.
const Kernels &kernels();

} // namespace netdissect
