#include "node/addon.h"
#include "statistics/correlation.h"

namespace netdissect {

Napi::Value correlateAsync(const Napi::CallbackInfo &info) {
  const auto one = info[0].As<Napi::Float32Array>(), other = info[1].As<Napi::Float32Array>();
  const int64_t images = info[2].ToNumber().Int64Value();
  const auto length = [](const Napi::Float32Array &values) {
    return static_cast<int64_t>(values.ElementLength());
  };
  if (images < 1 || length(one) % images || length(other) % images)
    throw Napi::RangeError::New(info.Env(), "correlate takes arrays of whole units");
  return runOnPool(
      info.Env(), {one, other},
      [one = one.Data(), other = other.Data(), units = length(one) / images,
       otherUnits = length(other) / images,
       images] { return correlations(one, units, other, otherUnits, images); },
      [](Napi::Env env, const std::vector<double> &values) {
        return typedArray<Napi::Float64Array>(env, values);
      });
}

} // namespace netdissect
