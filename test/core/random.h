// Random numbers that are the same in every run, and kinds of activations.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

struct Random {
  std::mt19937_64 source;
  explicit Random(uint64_t seed) : source(seed) {}
  int64_t below(int64_t n) { return static_cast<int64_t>(source() % static_cast<uint64_t>(n)); }
  double uniform() { return static_cast<double>(source() >> 11) / 9007199254740992.0; }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }
};

inline const std::vector<std::string> kinds{"normal",   "after a ReLU", "all negative",  "few values",
                                            "all zero", "all equal",    "tiny and huge", "both zeros"};

inline float valueOf(const std::string &kind, Random &random) {
  if (kind == "after a ReLU")
    return static_cast<float>(std::max(0.0, random.normal()));
  if (kind == "all negative")
    return static_cast<float>(-1 - random.uniform());
  if (kind == "few values")
    return static_cast<float>(random.below(4) - 1);
  if (kind == "all zero")
    return 0;
  if (kind == "all equal")
    return 0.3f;
  if (kind == "tiny and huge")
    return static_cast<float>(random.normal() * std::pow(10.0, static_cast<double>(random.below(60) - 30)));
  if (kind == "both zeros")
    return random.below(3) ? 0.0f : -0.0f;
  return static_cast<float>(random.normal());
}
