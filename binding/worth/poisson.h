// Weights of a bootstrap over images: how often each is drawn, from a generator whose numbers are those of a
// place, so that threads, parts and order do not matter.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace netdissect {

/// Philox4x32-10 of a counter and a key. Source: Salmon, Moraes, Dror, Shaw, Parallel Random Numbers: As Easy
/// as 1, 2, 3 (SC 2011).
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// The weight of an image in each replicate, Poisson(1): weight b is the inverse distribution function at
/// word b % 4 of philox({b / 4, image's low word, its high word, 0}, {seed's low word, its high word}).
void poissonWeights(uint64_t seed, uint64_t image, size_t replicates, uint8_t *weights);

} // namespace netdissect
