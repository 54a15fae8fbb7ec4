#include "node/batch.h"
#include <algorithm>

namespace netdissect {

namespace {

/// {height, width, maps: (number | Uint16Array | Uint8Array)[]}
/// Copies an array into the batch.
template <class T> const T *keep(Batch &batch, const Napi::TypedArrayOf<T> &array) {
  const auto copy = copyOf(array);
  batch.memory.push_back(copy);
  return copy->data();
}

LabelMaps labelMaps(Napi::Env env, const Napi::Object &input, Batch &batch) {
  LabelMaps result;
  result.height = input.Get("height").As<Napi::Number>().Int32Value();
  result.width = input.Get("width").As<Napi::Number>().Int32Value();
  if (result.height < 1 || result.width < 1)
    throw Napi::RangeError::New(env, "a segmentation's height and width must be positive");
  const size_t pixels = static_cast<size_t>(result.height) * result.width;
  const auto maps = input.Get("maps").As<Napi::Array>();
  for (uint32_t m = 0; m < maps.Length(); m++) {
    const Napi::Value value = maps.Get(m);
    LabelMap &map = result.maps.emplace_back();
    if (value.IsNumber()) {
      map.constant = value.As<Napi::Number>().Uint32Value();
      continue;
    }
    const auto array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_uint16_array && array.ElementLength() == pixels)
      map.numbers = keep(batch, array.As<Napi::Uint16Array>());
    else if (array.TypedArrayType() == napi_uint8_array && array.ElementLength() >= pixels &&
             array.ElementLength() % pixels == 0) {
      map.bytes = keep(batch, array.As<Napi::Uint8Array>());
      map.channels = static_cast<int>(array.ElementLength() / pixels);
    } else
      throw Napi::TypeError::New(env, "a label map must be a number, a Uint16Array of height × width, or a "
                                      "Uint8Array of height × width × channels");
  }
  return result;
}

} // namespace

Batch batchOf(Napi::Env env, const Napi::Object &input, const DissectionOptions &options) {
  Batch batch;
  batch.first = input.Get("first").As<Napi::Number>().Int64Value();
  Images &images = batch.images;
  images.count = input.Get("count").As<Napi::Number>().Int64Value();
  images.channels = options.channels;
  images.height = options.height;
  images.width = options.width;
  const auto pixels = input.Get("pixels").As<Napi::TypedArray>();
  const bool floats = pixels.TypedArrayType() == napi_float32_array;
  if (!floats && pixels.TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "pixels must be a Uint8Array of RGB or a Float32Array");
  if (images.count < 1 || static_cast<int64_t>(pixels.ElementLength()) !=
                              images.count * (floats ? images.channels : 3) * images.height * images.width)
    throw Napi::RangeError::New(env, "pixels has " + std::to_string(pixels.ElementLength()) +
                                         " elements, not count × channels × height × width");
  if (floats)
    images.floats = keep(batch, pixels.As<Napi::Float32Array>());
  else
    images.bytes = keep(batch, pixels.As<Napi::Uint8Array>());
  if (input.Get("alpha").IsTypedArray()) {
    const auto alpha = input.Get("alpha").As<Napi::Uint8Array>();
    if (static_cast<int64_t>(alpha.ElementLength()) != images.count * images.height * images.width)
      throw Napi::RangeError::New(env, "alpha must have count × height × width elements");
    images.alpha = keep(batch, alpha);
  }
  if (input.Get("segmentations").IsArray()) {
    const auto segmentations = input.Get("segmentations").As<Napi::Array>();
    if (segmentations.Length() != images.count)
      throw Napi::RangeError::New(env, "segmentations must have one entry an image");
    for (uint32_t i = 0; i < segmentations.Length(); i++)
      batch.segmentations.push_back(labelMaps(env, segmentations.Get(i).As<Napi::Object>(), batch));
  }
  return batch;
}

void imageOptions(const Napi::Object &input, DissectionOptions &options) {
  const auto number = [&](const char *name) { return input.Get(name).As<Napi::Number>().Int64Value(); };
  options.channels = number("channels");
  options.height = number("height");
  options.width = number("width");
  options.piece = std::max<int64_t>(1, number("piece"));
  if (options.channels < 1 || options.height < 1 || options.width < 1)
    throw Napi::RangeError::New(input.Env(), "channels, height and width must be positive");
  const auto floats = [&](const char *name, std::array<float, 3> &out) {
    const auto array = input.Get(name).As<Napi::Array>();
    for (uint32_t c = 0; c < 3; c++)
      out[c] = array.Get(c).As<Napi::Number>().FloatValue();
  };
  floats("mean", options.mean);
  floats("deviation", options.deviation);
}

} // namespace netdissect
