#include "statistics/top_images.h"
#include <algorithm>
#include <cmath>

namespace netdissect {

constexpr uint32_t kind = 5;

static bool stronger(const TopImage &a, const TopImage &b) {
  return a.activation != b.activation ? a.activation > b.activation : a.image < b.image;
}

void TopImages::add(int64_t unit, TopImage entry) {
  std::vector<TopImage> &best = best_[unit];
  if (static_cast<int64_t>(best.size()) == k_) {
    if (k_ == 0 || !stronger(entry, best.back()))
      return;
    best.pop_back();
  }
  best.insert(std::upper_bound(best.begin(), best.end(), entry, stronger), entry);
}

void TopImages::merge(const Statistic &other) {
  const auto &part = sameKind<TopImages>(other);
  requireSame(part.k_ == k_ && part.best_.size() == best_.size());
  for (size_t unit = 0; unit < best_.size(); unit++)
    for (const TopImage &entry : part.best_[unit])
      add(static_cast<int64_t>(unit), entry);
}

void TopImages::save(Writer &out) const {
  out.put(kind);
  out.put(k_);
  out.put(static_cast<uint64_t>(best_.size()));
  for (const std::vector<TopImage> &best : best_) {
    out.put(static_cast<uint64_t>(best.size()));
    for (const TopImage &entry : best) {
      out.put(entry.activation);
      out.put(entry.image);
    }
  }
}

void TopImages::load(Reader &in) {
  in.expect(kind, "kind of statistic");
  in.expect(k_, "number of top images");
  in.expect(static_cast<uint64_t>(best_.size()), "number of units");
  std::vector<std::vector<TopImage>> read(best_.size());
  for (std::vector<TopImage> &best : read) {
    const auto size = in.get<uint64_t>();
    if (size > static_cast<uint64_t>(k_))
      throw damaged();
    for (uint64_t i = 0; i < size; i++) {
      const auto activation = in.get<float>();
      best.push_back({activation, in.get<int64_t>()});
      if (!std::isfinite(activation) || best.back().image < 0 || (i && !stronger(best[i - 1], best[i])))
        throw damaged();
    }
  }
  best_ = std::move(read);
}

} // namespace netdissect
