#include "node/addon_store.h"
#include "node/batch.h"
#include "run/dissection.h"

namespace netdissect {

DissectionInput dissectionInput(const Napi::Object &input) {
  DissectionInput given;
  DissectionOptions &options = given.options;
  const auto has = [&](const char *name) { return !input.Get(name).IsUndefined(); };
  const auto number = [&](const char *name) { return input.Get(name).As<Napi::Number>(); };
  options.layers = strings(input.Get("layers").As<Napi::Array>());
  options.images = number("images").Int64Value();
  if (has("end")) {
    options.first = number("first").Int64Value();
    options.end = number("end").Int64Value();
  }
  imageOptions(input, options);
  options.quantile = number("quantile").DoubleValue();
  options.topImages = number("topImages").Int64Value();
  options.memory = number("memory").Int64Value();
  options.spillFolder = input.Get("spillFolder").As<Napi::String>().Utf8Value();
  options.approximate = input.Get("approximate").ToBoolean();
  options.keepMaxima = input.Get("keepMaxima").ToBoolean();
  options.keepMasks = input.Get("keepMasks").ToBoolean();
  options.scaleOffset = input.Get("scaleOffset").ToBoolean();
  if (has("run"))
    options.kept.run = input.Get("run").As<Napi::String>().Utf8Value();
  if (has("keepFolder")) {
    options.kept.folder = input.Get("keepFolder").As<Napi::String>().Utf8Value();
    options.checkpointSeconds = number("checkpointSeconds").DoubleValue();
  }
  if (has("wideQuantile"))
    options.wideQuantile = number("wideQuantile").DoubleValue();
  if (input.Get("labelNumbers").IsTypedArray()) {
    const auto numbers = input.Get("labelNumbers").As<Napi::Uint16Array>();
    const auto category = input.Get("labelCategories").As<Napi::Int32Array>();
    given.numbers.assign(numbers.Data(), numbers.Data() + numbers.ElementLength());
    given.category.assign(category.Data(), category.Data() + category.ElementLength());
    given.categories = number("categories").Int32Value();
  }
  if (options.images < 1 || options.topImages < 0 || !(options.quantile > 0 && options.quantile < 1) ||
      options.first < 0 || (options.end >= 0 && options.end < options.first) || options.end > options.images)
    throw Napi::RangeError::New(input.Env(), "images, their part, and quantile must be positive");
  return given;
}

void setShape(const Napi::Object &layer, const LayerShape &shape) {
  const auto env = layer.Env();
  const auto sides = Napi::Array::New(env);
  sides.Set(0u, static_cast<double>(shape.units));
  sides.Set(1u, shape.height);
  sides.Set(2u, shape.width);
  layer.Set("shape", sides);
  layer.Set("tokensDropped", shape.tokensDropped);
  layer.Set("unitsLast", shape.unitsLast);
  layer.Set("changedInPlace", shape.changedInPlace);
  if (shape.geometry.known) {
    layer.Set("scale", pairOf(env, shape.geometry.scale));
    layer.Set("offset", pairOf(env, shape.geometry.offset));
  }
}

Napi::Array layersOf(Napi::Env env, const std::vector<LayerShape> &layers) {
  const auto array = Napi::Array::New(env);
  for (const LayerShape &shape : layers) {
    const auto layer = Napi::Object::New(env);
    setShape(layer, shape);
    array.Set(array.Length(), layer);
  }
  return array;
}

/// What layersOf gave.
static std::vector<LayerShape> shapesOf(const Napi::Array &layers, const std::vector<std::string> &names) {
  std::vector<LayerShape> shapes(layers.Length());
  for (uint32_t l = 0; l < layers.Length(); l++) {
    const auto layer = layers.Get(l).As<Napi::Object>();
    const auto pair = [&](const char *name, std::array<double, 2> &to) {
      const auto values = layer.Get(name).As<Napi::Array>();
      for (uint32_t i = 0; i < 2; i++)
        to[i] = values.Get(i).As<Napi::Number>().DoubleValue();
    };
    const auto sides = layer.Get("shape").As<Napi::Array>();
    const auto side = [&](uint32_t i) { return sides.Get(i).As<Napi::Number>().Int64Value(); };
    LayerShape &shape = shapes[l];
    shape.name = names.at(l);
    shape.units = side(0);
    shape.height = static_cast<int>(side(1));
    shape.width = static_cast<int>(side(2));
    shape.tokensDropped = layer.Get("tokensDropped").As<Napi::Number>().Int32Value();
    shape.unitsLast = layer.Get("unitsLast").ToBoolean();
    shape.changedInPlace = layer.Get("changedInPlace").ToBoolean();
    shape.geometry.known = !layer.Get("scale").IsUndefined();
    if (shape.geometry.known) {
      pair("scale", shape.geometry.scale);
      pair("offset", shape.geometry.offset);
    }
  }
  return shapes;
}

Napi::Value openStoreAsync(const Napi::CallbackInfo &info, const std::shared_ptr<Handle> &handle) {
  const auto env = info.Env();
  const auto input = info[0].As<Napi::Object>();
  DissectionInput given = dissectionInput(input);
  DissectionInput kept; // the labels that were kept
  const auto numbers = input.Get("keptNumbers").As<Napi::Uint16Array>();
  const auto category = input.Get("keptCategories").As<Napi::Int32Array>();
  kept.numbers.assign(numbers.Data(), numbers.Data() + numbers.ElementLength());
  kept.category.assign(category.Data(), category.Data() + category.ElementLength());
  for (const int32_t of : kept.category)
    kept.categories = std::max(kept.categories, of + 1);
  std::vector<LayerShape> shapes = shapesOf(input.Get("shapes").As<Napi::Array>(), given.options.layers);
  auto owner = std::make_shared<Napi::ObjectReference>(Napi::Persistent(self(info)));
  return runAsync(
      env, handle->use(env), {self(info)},
      [stopping = handle->engine.stopping(), given = std::move(given), kept = std::move(kept),
       shapes = std::move(shapes), folders = strings(input.Get("folders").As<Napi::Array>())]() mutable {
        given.options.labels = given.table();
        return std::make_shared<Dissection>(std::move(shapes), std::move(given.options), kept.table(),
                                            folders, cpuBackend(), stopping.get());
      },
      [handle, owner](Napi::Env env, std::shared_ptr<Dissection> &dissection) {
        return newDissection(env, owner->Value(), handle, std::move(dissection));
      });
}

} // namespace netdissect
