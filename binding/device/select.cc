#include "device/select.h"
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <cstring>

namespace netdissect {

namespace {

/// Neighbours of what is set along a dimension are set, too.
at::Tensor widened(const at::Tensor &set, int64_t dimension) {
  const int64_t others = set.size(dimension) - 1;
  at::Tensor wide = set.clone();
  if (others > 0) {
    wide.narrow(dimension, 1, others).logical_or_(set.narrow(dimension, 0, others));
    wide.narrow(dimension, 0, others).logical_or_(set.narrow(dimension, 1, others));
  }
  return wide;
}

template <class T> std::vector<T> toHost(const at::Tensor &tensor) {
  const at::Tensor here = tensor.to(at::kCPU).contiguous();
  const T *values = here.data_ptr<T>();
  return std::vector<T>(values, values + here.numel());
}

} // namespace

Selected selectOn(const at::Tensor &byUnit, const std::vector<float> &bounds, int64_t top, bool maxima) {
  const at::NoGradGuard noGradients;
  const int64_t units = byUnit.size(0), images = byUnit.size(1), size = byUnit.size(2) * byUnit.size(3);
  Selected selected;
  { // whose memory is free again for what follows
    const auto [smallest, largest] = at::aminmax(byUnit.view({units, images, size}), 2);
    if (!at::isfinite(smallest).logical_and(at::isfinite(largest)).all().item<bool>()) {
      selected.smallest = toHost<float>(smallest);
      selected.largest = toHost<float>(largest);
      return selected;
    }
    if (maxima)
      selected.largest = toHost<float>(largest);
    // -0 and 0 are equal, of which the first image counts: no order of their bits may part them.
    const auto [values, places] = largest.add(0.0).sort(/*stable=*/true, 1, /*descending=*/true);
    selected.topImages = toHost<int64_t>(places.narrow(1, 0, top));
    selected.topValues = toHost<float>(values.narrow(1, 0, top));
  }
  const at::Tensor bound =
      at::from_blob(const_cast<float *>(bounds.data()), {units, 1, 1, 1}, at::kFloat).to(byUnit.device());
  const at::Tensor hot = widened(widened(byUnit > bound, 3), 2);
  selected.ends = toHost<int64_t>(hot.view({units * images, size}).sum(1, false, at::kLong).cumsum(0));
  const at::Tensor places = hot.flatten().nonzero().squeeze(1);
  selected.values = toHost<float>(byUnit.flatten().index_select(0, places));
  selected.cells = toHost<int32_t>(places.remainder(size).to(at::kInt));
  return selected;
}

} // namespace netdissect
