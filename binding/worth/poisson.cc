#include "worth/poisson.h"

namespace netdissect {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; round++) {
    const uint64_t first = uint64_t{0xD2511F53} * counter[0], second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

void poissonWeights(uint64_t seed, uint64_t image, size_t replicates, uint8_t *weights) {
  // Of 2^32 words so many give at most 0, 1, ... : 2^32 times the distribution function, rounded down.
  constexpr size_t most = 12;
  static const std::array<uint32_t, most> atMost = [] {
    std::array<uint32_t, most> result{};
    double chance = 0.36787944117144233, sum = 0; // 1 / e
    for (size_t k = 0; k < most; k++) {
      sum += chance;
      result[k] = static_cast<uint32_t>(sum * 4294967296.0);
      chance /= static_cast<double>(k + 1);
    }
    return result;
  }();
  const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (size_t b = 0; b < replicates; b += 4) {
    const auto words = philox(
        {static_cast<uint32_t>(b / 4), static_cast<uint32_t>(image), static_cast<uint32_t>(image >> 32), 0},
        key);
    for (size_t w = 0; w < 4 && b + w < replicates; w++) {
      uint8_t weight = 0;
      while (weight < most && words[w] >= atMost[weight])
        weight++;
      weights[b + w] = weight;
    }
  }
}

} // namespace netdissect
