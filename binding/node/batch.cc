#include "node/batch.h"
#include <algorithm>

namespace netdissect {

namespace {

/// {height, width, maps: (number | Uint16Array | Uint8Array)[]}
LabelMaps labelMaps(Napi::Env env, const Napi::Object &input, std::vector<Napi::Object> &kept) {
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
    kept.push_back(array);
    if (array.TypedArrayType() == napi_uint16_array && array.ElementLength() == pixels)
      map.numbers = array.As<Napi::Uint16Array>().Data();
    else if (array.TypedArrayType() == napi_uint8_array && array.ElementLength() >= pixels &&
             array.ElementLength() % pixels == 0) {
      map.bytes = array.As<Napi::Uint8Array>().Data();
      map.channels = static_cast<int>(array.ElementLength() / pixels);
    } else
      throw Napi::TypeError::New(env, "a label map must be a number, a Uint16Array of height × width, or a "
                                      "Uint8Array of height × width × channels");
  }
  return result;
}

} // namespace

Batch batchOf(Napi::Env env, const Napi::Object &input, const DissectionOptions &options,
              std::vector<Napi::Object> &kept) {
  Batch batch;
  batch.first = input.Get("first").As<Napi::Number>().Int64Value();
  Images &images = batch.images;
  images.count = input.Get("count").As<Napi::Number>().Int64Value();
  images.channels = options.channels;
  images.height = options.height;
  images.width = options.width;
  const auto pixels = input.Get("pixels").As<Napi::TypedArray>();
  kept.push_back(pixels);
  const bool floats = pixels.TypedArrayType() == napi_float32_array;
  if (!floats && pixels.TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "pixels must be a Uint8Array of RGB or a Float32Array");
  if (images.count < 1 || static_cast<int64_t>(pixels.ElementLength()) !=
                              images.count * (floats ? images.channels : 3) * images.height * images.width)
    throw Napi::RangeError::New(env, "pixels has " + std::to_string(pixels.ElementLength()) +
                                         " elements, not count × channels × height × width");
  if (floats)
    images.floats = pixels.As<Napi::Float32Array>().Data();
  else
    images.bytes = pixels.As<Napi::Uint8Array>().Data();
  if (input.Get("alpha").IsTypedArray()) {
    const auto alpha = input.Get("alpha").As<Napi::Uint8Array>();
    kept.push_back(alpha);
    if (static_cast<int64_t>(alpha.ElementLength()) != images.count * images.height * images.width)
      throw Napi::RangeError::New(env, "alpha must have count × height × width elements");
    images.alpha = alpha.Data();
  }
  if (input.Get("segmentations").IsArray()) {
    const auto segmentations = input.Get("segmentations").As<Napi::Array>();
    if (segmentations.Length() != images.count)
      throw Napi::RangeError::New(env, "segmentations must have one entry an image");
    for (uint32_t i = 0; i < segmentations.Length(); i++)
      batch.segmentations.push_back(labelMaps(env, segmentations.Get(i).As<Napi::Object>(), kept));
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
