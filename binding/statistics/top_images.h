// The k images on which each unit is strongest.
#pragma once
#include <cstdint>
#include <vector>

namespace netdissect {

struct TopImage {
  float activation;
  int64_t image;
};

/// Ranks by the larger activation, then by the lower image number, whatever the order of arrival.
class TopImages {
public:
  TopImages(int64_t units, int64_t k) : k_(k), best_(units) {}

  void add(int64_t unit, float activation, int64_t image);
  const std::vector<TopImage> &of(int64_t unit) const { return best_[unit]; }

private:
  int64_t k_;
  std::vector<std::vector<TopImage>> best_;
};

} // namespace netdissect
