#include "addon.h"
#include "resample.h"

namespace netdissect {

namespace {

/// On a thread of Node's pool, as decoding is.
class ResampleWorker : public Napi::AsyncWorker {
public:
  ResampleWorker(Napi::Env env, const Napi::Uint8Array &pixels, const std::array<int, 2> &sourceSize,
                 const Window &window, const std::array<int, 2> &size, const Napi::Uint8Array &out)
      : AsyncWorker(env, "netdissect"), deferred_(Napi::Promise::Deferred::New(env)),
        pixels_(Napi::Persistent(pixels)), out_(Napi::Persistent(out)), from_(pixels_.Value().Data()),
        to_(out_.Value().Data()), sourceSize_(sourceSize), window_(window), size_(size) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

protected:
  void Execute() override {
    resample(from_, sourceSize_[0], sourceSize_[1], window_, size_[0], size_[1], to_);
  }
  void OnOK() override { deferred_.Resolve(out_.Value()); }
  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }

private:
  Napi::Promise::Deferred deferred_;
  Napi::Reference<Napi::Uint8Array> pixels_, out_;
  const uint8_t *from_;
  uint8_t *to_;
  std::array<int, 2> sourceSize_;
  Window window_;
  std::array<int, 2> size_;
};

std::array<int, 2> sizeOf(const Napi::Value &value) {
  const auto pair = value.As<Napi::Array>();
  return {pair.Get(0u).ToNumber().Int32Value(), pair.Get(1u).ToNumber().Int32Value()};
}

} // namespace

Napi::Value resampleAsync(const Napi::CallbackInfo &info) {
  const auto pixels = info[0].As<Napi::Uint8Array>();
  const std::array<int, 2> sourceSize = sizeOf(info[1]), size = sizeOf(info[3]);
  const auto of = [window = info[2].As<Napi::Object>()](const char *name) {
    return window.Get(name).ToNumber().DoubleValue();
  };
  auto *worker =
      new ResampleWorker(info.Env(), pixels, sourceSize, {of("top"), of("left"), of("height"), of("width")},
                         size, info[4].As<Napi::Uint8Array>());
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

} // namespace netdissect
