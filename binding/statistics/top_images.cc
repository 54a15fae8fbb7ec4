#include "statistics/top_images.h"
#include <algorithm>

namespace netdissect {

void TopImages::add(int64_t unit, float activation, int64_t image) {
  std::vector<TopImage> &best = best_[unit];
  const TopImage entry{activation, image};
  const auto stronger = [](const TopImage &a, const TopImage &b) {
    return a.activation != b.activation ? a.activation > b.activation : a.image < b.image;
  };
  if (static_cast<int64_t>(best.size()) == k_) {
    if (k_ == 0 || !stronger(entry, best.back()))
      return;
    best.pop_back();
  }
  best.insert(std::upper_bound(best.begin(), best.end(), entry, stronger), entry);
}

} // namespace netdissect
