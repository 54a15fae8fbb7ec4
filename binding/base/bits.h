// Rows of bits out of a flat run of them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace netdissect {

/// Copies the `width` bits from `start` on to `out`, whose last word is filled up with zeros. `flat` must
/// have one readable word past its last bit.
inline void copyBits(const uint64_t *flat, size_t start, int width, uint64_t *out) {
  const uint64_t *from = flat + start / 64;
  const int shift = static_cast<int>(start % 64);
  const int words = (width + 63) / 64;
  for (int w = 0; w < words; w++)
    out[w] = shift ? from[w] >> shift | from[w + 1] << (64 - shift) : from[w];
  if (width % 64)
    out[words - 1] &= (uint64_t{1} << width % 64) - 1;
}

} // namespace netdissect
