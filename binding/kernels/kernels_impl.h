// The text of every instruction set's kernels: a .cc file names the set, is compiled with its flags and
// includes this. Nothing else is included here, so that no inline function of a library is compiled with
// flags that the processor may lack.
#include "kernels/kernels.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace netdissect {
namespace {

inline int32_t floatBits(float v) {
  int32_t bits;
  __builtin_memcpy(&bits, &v, sizeof bits);
  return bits;
}

Scan scan(const float *values, size_t n, float bound) {
  // Floats order like their bits once the negative ones are turned over, and integers, unlike floats, may be
  // compared in any order: the loop vectorises.
  int32_t largest = INT32_MIN, magnitude = 0;
  uint32_t over = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t bits = floatBits(values[i]);
    const int32_t absolute = bits & 0x7fffffff;
    const int32_t key = bits ^ ((bits >> 31) & 0x7fffffff);
    magnitude = absolute > magnitude ? absolute : magnitude;
    largest = key > largest ? key : largest;
    over += values[i] > bound ? 1u : 0u;
  }
  const int32_t bits = largest ^ ((largest >> 31) & 0x7fffffff);
  Scan result;
  __builtin_memcpy(&result.largest, &bits, sizeof bits);
  result.finite = magnitude < 0x7f800000;
  result.over = over;
  return result;
}

void overBits(const float *values, int n, float bound, uint64_t *words) {
  for (int start = 0; start < n; start += 64) {
    const int count = n - start < 64 ? n - start : 64;
    const float *v = values + start;
    uint64_t word = 0;
    int i = 0;
#if defined(__AVX512F__)
    const __m512 b = _mm512_set1_ps(bound);
    for (; i < count; i += 16) {
      const __mmask16 live = static_cast<__mmask16>(count - i >= 16 ? 0xffff : (1u << (count - i)) - 1);
      const __m512 x = _mm512_maskz_loadu_ps(live, v + i);
      word |= static_cast<uint64_t>(_mm512_mask_cmp_ps_mask(live, x, b, _CMP_GT_OQ)) << i;
    }
#elif defined(__AVX2__)
    const __m256 b = _mm256_set1_ps(bound);
    for (; i + 8 <= count; i += 8)
      word |= static_cast<uint64_t>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(v + i), b, _CMP_GT_OQ)))
              << i;
#endif
    for (; i < count; i++)
      word |= static_cast<uint64_t>(v[i] > bound) << i;
    words[start / 64] = word;
  }
}

void interpolate(const float *row, const int32_t *low, const int32_t *high, const float *weight, int begin,
                 int end, float *out) {
  for (int x = begin; x < end; x++) {
    const float a = row[low[x]], b = row[high[x]];
    out[x] = a + weight[x] * (b - a);
  }
}

uint64_t maskWord(const float *upper, const float *lower, float weight, float level, uint64_t wanted) {
  uint64_t word = 0;
#if defined(__AVX512F__)
  const __m512 w = _mm512_set1_ps(weight), l = _mm512_set1_ps(level);
  for (int i = 0; i < 64; i += 16) {
    if (!((wanted >> i) & 0xffff))
      continue;
    const __m512 a = _mm512_loadu_ps(upper + i), b = _mm512_loadu_ps(lower + i);
    const __m512 v = _mm512_add_ps(a, _mm512_mul_ps(w, _mm512_sub_ps(b, a)));
    word |= static_cast<uint64_t>(_mm512_cmp_ps_mask(v, l, _CMP_GT_OQ)) << i;
  }
#elif defined(__AVX2__)
  const __m256 w = _mm256_set1_ps(weight), l = _mm256_set1_ps(level);
  for (int i = 0; i < 64; i += 8) {
    if (!((wanted >> i) & 0xff))
      continue;
    const __m256 a = _mm256_loadu_ps(upper + i), b = _mm256_loadu_ps(lower + i);
    const __m256 v = _mm256_add_ps(a, _mm256_mul_ps(w, _mm256_sub_ps(b, a)));
    word |= static_cast<uint64_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, l, _CMP_GT_OQ))) << i;
  }
#else
  for (uint64_t left = wanted; left; left &= left - 1) {
    const int i = __builtin_ctzll(left);
    const float a = upper[i];
    const float v = a + weight * (lower[i] - a);
    word |= static_cast<uint64_t>(v > level) << i;
  }
#endif
  return word & wanted;
}

void intersectWords(const uint64_t *mask, const uint64_t *planes, int rows, int labels, int words,
                    uint32_t *counts) {
  for (int y = 0; y < rows; y++, mask += words, planes += static_cast<size_t>(labels) * words)
    for (int w = 0; w < words; w++) {
      const uint64_t m = mask[w];
      if (!m)
        continue;
      const uint64_t *plane = planes + w;
      for (int l = 0; l < labels; l++)
        counts[l] += static_cast<uint32_t>(__builtin_popcountll(m & plane[static_cast<size_t>(l) * words]));
    }
}

#if defined(__AVX512VPOPCNTDQ__)
/// Eight words of a row of planes at a time, where a row of the mask goes evenly into eight words.
void intersect(const uint64_t *mask, const uint64_t *planes, int rows, int labels, int words,
               uint32_t *counts) {
  if (words != 1 && words != 2 && words != 4)
    return intersectWords(mask, planes, rows, labels, words, counts);
  constexpr int most = 8; // accumulators
  const int stride = labels * words, perVector = 8 / words;
  for (int first = 0; first < stride; first += 8 * most) {
    const int left = stride - first;
    const int vectors = left >= 8 * most ? most : (left + 7) / 8;
    const __mmask8 tail =
        static_cast<__mmask8>(left >= 8 * vectors ? 0xff : (1u << (left - 8 * (vectors - 1))) - 1);
    __m512i sums[most];
    for (int v = 0; v < vectors; v++)
      sums[v] = _mm512_setzero_si512();
    for (int y = 0; y < rows; y++) {
      const uint64_t *m = mask + static_cast<size_t>(y) * words;
      uint64_t any = 0;
      for (int w = 0; w < words; w++)
        any |= m[w];
      if (!any)
        continue;
      const __m512i pattern =
          words == 1 ? _mm512_set1_epi64(static_cast<long long>(m[0]))
          : words == 2
              ? _mm512_maskz_broadcast_i32x4(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i *>(m)))
              : _mm512_maskz_broadcast_i64x4(0xff, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(m)));
      const uint64_t *plane = planes + static_cast<size_t>(y) * stride + first;
      for (int v = 0; v < vectors; v++) {
        const __m512i bits = _mm512_maskz_loadu_epi64(v + 1 == vectors ? tail : 0xff, plane + 8 * v);
        sums[v] = _mm512_add_epi64(sums[v], _mm512_popcnt_epi64(_mm512_and_si512(bits, pattern)));
      }
    }
    for (int v = 0; v < vectors; v++) {
      uint64_t lanes[8];
      _mm512_storeu_si512(lanes, sums[v]);
      for (int lane = 0; lane < 8; lane++)
        if (const int label = first / words + v * perVector + lane / words; label < labels)
          counts[label] += static_cast<uint32_t>(lanes[lane]);
    }
  }
}
#else
constexpr auto intersect = intersectWords;
#endif

uint32_t popcount(const uint64_t *words, size_t n) {
  uint64_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += static_cast<uint64_t>(__builtin_popcountll(words[i]));
  return static_cast<uint32_t>(count);
}

void transpose(const float *from, int64_t rows, int64_t columns, int64_t stride, float *to) {
  int64_t r = 0;
#if defined(__AVX2__)
  for (; r + 8 <= rows; r += 8) {
    int64_t c = 0;
    for (; c + 8 <= columns; c += 8) {
      __m256 a[8], b[8];
      for (int i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(from + (r + i) * stride + c);
      for (int i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
      }
      for (int i = 0; i < 8; i += 4) {
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
      }
      for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + (c + i) * rows + r, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(to + (c + 4 + i) * rows + r, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
      }
    }
    for (; c < columns; c++)
      for (int64_t i = r; i < r + 8; i++)
        to[c * rows + i] = from[i * stride + c];
  }
#endif
  for (; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      to[c * rows + r] = from[r * stride + c];
}

constexpr int precision = 22;
constexpr int32_t half = 1 << (precision - 1);

inline uint8_t byteOf(int32_t sum) {
  const int32_t value = sum >> precision;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

void filterRow(const uint8_t *row, const int32_t *first, const int32_t *end, const int32_t *weights, int taps,
               int count, uint8_t *out) {
  for (int x = 0; x < count; x++, weights += taps, out += 3) {
    const uint8_t *pixel = row + 3 * static_cast<size_t>(first[x]);
    const int n = end[x] - first[x];
#if defined(__AVX2__)
    __m128i sums = _mm_set1_epi32(half);
    for (int k = 0; k < n; k++, pixel += 3) {
      int32_t bytes; // the fourth is of the next pixel, and its sum of no use
      __builtin_memcpy(&bytes, pixel, sizeof bytes);
      const __m128i channels = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes));
      sums = _mm_add_epi32(sums, _mm_mullo_epi32(channels, _mm_set1_epi32(weights[k])));
    }
    const __m128i values = _mm_srai_epi32(sums, precision);
    const __m128i words = _mm_packs_epi32(values, values);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    __builtin_memcpy(out, &bytes, 3);
#else
    int32_t r = half, g = half, b = half;
    for (int k = 0; k < n; k++, pixel += 3) {
      r += pixel[0] * weights[k];
      g += pixel[1] * weights[k];
      b += pixel[2] * weights[k];
    }
    out[0] = byteOf(r);
    out[1] = byteOf(g);
    out[2] = byteOf(b);
#endif
  }
}

void filterColumn(const uint8_t *rows, const int32_t *weights, int n, size_t bytes, int32_t *sums,
                  uint8_t *out) {
  for (size_t i = 0; i < bytes; i++)
    sums[i] = half;
  for (int k = 0; k < n; k++, rows += bytes)
    for (size_t i = 0; i < bytes; i++)
      sums[i] += rows[i] * weights[k];
  for (size_t i = 0; i < bytes; i++)
    out[i] = byteOf(sums[i]);
}

void addWeighted(const uint8_t *weights, double value, double *sums, size_t n) {
  for (size_t i = 0; i < n; i++)
    sums[i] += static_cast<double>(weights[i]) * value;
}

} // namespace
} // namespace netdissect
