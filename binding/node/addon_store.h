// A dissection's options as JavaScript gives them, and what was kept of one.
#pragma once
#include "node/addon.h"
#include "run/plan.h"

namespace netdissect {

/// {layers, images, quantile, ...} of NativeOptions, copied; labels are checked by LabelTable on the engine's
/// thread.
struct DissectionInput {
  DissectionOptions options;
  std::vector<uint16_t> numbers; // of the labels
  std::vector<int32_t> category; // of each
  int categories = 0;

  LabelTable table() const { return {numbers, category, categories}; }
};
DissectionInput dissectionInput(const Napi::Object &input);

/// [{name, shape, tokensDropped, unitsLast, changedInPlace, scale?, offset?}]
Napi::Array layersOf(Napi::Env env, const std::vector<LayerShape> &layers);
void setShape(const Napi::Object &layer, const LayerShape &shape);

/// The function `openStore` of src/native/native.ts; its object belongs to that model.
Napi::Value openStoreAsync(const Napi::CallbackInfo &info, const std::shared_ptr<Handle> &handle);

} // namespace netdissect
