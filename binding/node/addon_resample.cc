#include "node/addon.h"
#include "pictures/resample.h"

namespace netdissect {

static std::array<int, 2> sizeOf(const Napi::Value &value) {
  const auto pair = value.As<Napi::Array>();
  return {pair.Get(0u).ToNumber().Int32Value(), pair.Get(1u).ToNumber().Int32Value()};
}

Napi::Value resampleAsync(const Napi::CallbackInfo &info) {
  const auto pixels = info[0].As<Napi::Uint8Array>();
  auto out = info[4].As<Napi::Uint8Array>();
  const auto edge = [window = info[2].As<Napi::Object>()](const char *name) {
    return window.Get(name).ToNumber().DoubleValue();
  };
  const Window window{edge("top"), edge("left"), edge("height"), edge("width")};
  return runOnPool(
      info.Env(), {pixels, out},
      [from = pixels.Data(), sourceSize = sizeOf(info[1]), window, size = sizeOf(info[3]), to = out.Data()] {
        resample(from, sourceSize[0], sourceSize[1], window, size[0], size[1], to);
        return 0;
      },
      [](Napi::Env env, int) { return env.Undefined(); });
}

} // namespace netdissect
