// Floats as unsigned numbers of the same order.
#pragma once
#include <cstdint>
#include <cstring>

namespace netdissect {

/// -0 is 0.
inline uint32_t keyOf(float value) {
  value += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

inline float valueOf(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Bins of a histogram over half of a float32's bits.
constexpr int64_t binCount = 65536;

} // namespace netdissect
