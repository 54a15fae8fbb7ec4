// What a label is worth, as Node asks it of a dissection whose masks are counted.
#pragma once
#include "node/addon.h"
#include <atomic>

namespace netdissect {

/// A dissection that a call is made on.
struct Called {
  const Napi::CallbackInfo &info;
  std::shared_ptr<Handle> handle;
  std::shared_ptr<Dissection> dissection;
  std::shared_ptr<std::atomic<int64_t>> searched; // units that formulas() is through with
};

/// The calls of that name in src/native/native.ts.
Napi::Value countPaired(const Called &called);
Napi::Value countNarrow(const Called &called);
Napi::Value resample(const Called &called);
Napi::Value formulas(const Called &called);
Napi::Value averagePrecision(const Called &called);
Napi::Value maxima(const Called &called);

} // namespace netdissect
