// NativeModel: a model as Node has it.
#include "device/device_backend.h"
#include "kernels/kernels.h"
#include "node/addon.h"
#include "node/addon_store.h"
#include "node/bare_forward.h"
#include "node/batch.h"
#include "run/dissection.h"
#include <map>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace netdissect {
namespace {

class ModelObject : public Napi::ObjectWrap<ModelObject> {
public:
  explicit ModelObject(const Napi::CallbackInfo &info)
      : ObjectWrap(info), engines_(info.Env().GetInstanceData<Environment>()->engines),
        handle_(std::make_shared<Handle>(
            info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0)) {
    engines_->insert(&handle_->engine);
  }
  /// Where it was dropped without close() no call is under way: each holds a reference to this object.
  ~ModelObject() override {
    engines_->erase(&handle_->engine);
    handle_->engine.finish();
  }
  void Finalize(Napi::BasicEnv env) override { held_.set(Napi::Env(env), 0); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeModel",
        {InstanceMethod<&ModelObject::load>("load"), InstanceMethod<&ModelObject::layers>("layers"),
         InstanceMethod<&ModelObject::parameters>("parameters"),
         InstanceMethod<&ModelObject::setParameter>("setParameter"),
         InstanceMethod<&ModelObject::dissect>("dissect"),
         InstanceMethod<&ModelObject::openStore>("openStore"),
         InstanceMethod<&ModelObject::bareForward>("bareForward"),
         InstanceMethod<&ModelObject::forward>("forward"), InstanceMethod<&ModelObject::takeLog>("takeLog"),
         InstanceMethod<&ModelObject::close>("close")});
  }

private:
  struct Loaded {
    std::string device;
    int64_t channels = 0, bytes = 0;
  };

  /// load(path, device, {tf32?, half?}?): resolves to {device, channels}.
  Napi::Value load(const Napi::CallbackInfo &info) {
    const std::shared_ptr<Handle> handle = handle_;
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)},
        [handle, path = info[0].As<Napi::String>().Utf8Value(), wish = deviceWish(info)] {
          handle->model = ScriptModel::load(path, wish);
          return Loaded{handle->model->device(), handle->model->channels(), handle->model->bytes()};
        },
        [this](Napi::Env env, const Loaded &loaded) {
          held_.set(env, loaded.bytes);
          const auto object = Napi::Object::New(env);
          object.Set("device", loaded.device);
          object.Set("channels", static_cast<double>(loaded.channels));
          return object;
        });
  }

  static DeviceWish deviceWish(const Napi::CallbackInfo &info) {
    DeviceWish wish;
    wish.device = info[1].As<Napi::String>().Utf8Value();
    if (info[2].IsObject()) {
      const auto precision = info[2].As<Napi::Object>();
      wish.tf32 = precision.Get("tf32").ToBoolean();
      wish.half = precision.Get("half").ToBoolean();
    }
    return wish;
  }

  /// parameters(): resolves to [{name, dtype, shape}].
  Napi::Value parameters(const Napi::CallbackInfo &info) {
    const std::shared_ptr<Handle> handle = handle_;
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)}, [handle] { return handle->loaded().parameters(); },
        [](Napi::Env env, const std::vector<ParameterInfo> &parameters) {
          const auto array = Napi::Array::New(env);
          for (const ParameterInfo &parameter : parameters) {
            const auto object = Napi::Object::New(env);
            object.Set("name", parameter.name);
            object.Set("dtype", parameter.dtype);
            object.Set("buffer", parameter.buffer);
            const auto shape = Napi::Array::New(env);
            for (const int64_t side : parameter.shape)
              shape.Set(shape.Length(), static_cast<double>(side));
            object.Set("shape", shape);
            array.Set(array.Length(), object);
          }
          return array;
        });
  }

  /// setParameter(name, dtype, bytes: Uint8Array)
  Napi::Value setParameter(const Napi::CallbackInfo &info) {
    const std::shared_ptr<Handle> handle = handle_;
    const auto bytes = info[2].As<Napi::Uint8Array>();
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)},
        [handle, name = info[0].As<Napi::String>().Utf8Value(),
         dtype = info[1].As<Napi::String>().Utf8Value(), bytes = copyOf(bytes)] {
          handle->loaded().setParameter(name, dtype, bytes->data(), bytes->size());
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  /// layers(channels, height, width, {tokens?, layout?}?)
  Napi::Value layers(const Napi::CallbackInfo &info) {
    const std::shared_ptr<Handle> handle = handle_;
    const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int64Value(); };
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)},
        [handle, c = number(0), h = number(1), w = number(2), options = retainOptions(info[3])] {
          return handle->loaded().layers(c, h, w, options);
        },
        [](Napi::Env env, const std::vector<LayerInfo> &infos) {
          const auto array = Napi::Array::New(env);
          for (const LayerInfo &info : infos) {
            const auto object = Napi::Object::New(env);
            object.Set("name", info.name);
            object.Set("type", info.type);
            object.Set("calls", info.calls);
            object.Set("output", info.output.empty() ? env.Null() : Napi::String::New(env, info.output));
            object.Set("refusal", info.refusal.empty() ? env.Null() : Napi::String::New(env, info.refusal));
            if (info.refusal.empty()) {
              const auto shape = Napi::Array::New(env);
              shape.Set(0u, static_cast<double>(info.units));
              shape.Set(1u, info.height);
              shape.Set(2u, info.width);
              object.Set("shape", shape);
            } else
              object.Set("shape", env.Null());
            object.Set("tokensDropped", info.tokensDropped);
            object.Set("unitsLast", info.unitsLast);
            object.Set("changedInPlace", info.changedInPlace);
            const bool known = info.geometry.known && info.refusal.empty();
            object.Set("scale", known ? pairOf(env, info.geometry.scale) : env.Null());
            object.Set("offset", known ? pairOf(env, info.geometry.offset) : env.Null());
            array.Set(array.Length(), object);
          }
          return array;
        });
  }

  /// [count, units, height, width]
  static Napi::Float32Array valuesOf(Napi::Env env, const UnitBatch &activation, size_t size) {
    Napi::Float32Array array = Napi::Float32Array::New(env, size);
    float *out = array.Data();
    const size_t cells = static_cast<size_t>(activation.height) * activation.width;
    const size_t image = cells * static_cast<size_t>(activation.units);
    for (size_t i = 0; i < size; i += image)
      if (activation.unitsLast)
        kernels().transpose(activation.values + i, static_cast<int64_t>(cells), activation.units,
                            activation.units, out + i);
      else
        std::copy_n(activation.values + i, image, out + i);
    return array;
  }

  static RetainOptions retainOptions(const Napi::Value &input) {
    RetainOptions options;
    if (input.IsObject()) {
      const auto object = input.As<Napi::Object>();
      if (const Napi::Value tokens = object.Get("tokens"); tokens.IsArray()) {
        static const std::map<std::string, Tokens::Kind> kinds{{"none", Tokens::Kind::none},
                                                               {"first", Tokens::Kind::first},
                                                               {"last", Tokens::Kind::last},
                                                               {"index", Tokens::Kind::index}};
        const auto pair = tokens.As<Napi::Array>();
        const auto kind = kinds.find(pair.Get(0u).As<Napi::String>().Utf8Value());
        if (kind != kinds.end())
          options.tokens = {kind->second, std::max<int64_t>(0, pair.Get(1u).As<Napi::Number>().Int64Value())};
      }
      if (const Napi::Value layout = object.Get("layout"); layout.IsString())
        options.layout =
            layout.As<Napi::String>().Utf8Value() == "nhwc" ? Layout::unitsLast : Layout::unitsFirst;
      options.atCall = object.Get("atCall").ToBoolean();
      options.keepTraining = object.Get("keepTraining").ToBoolean();
    }
    return options;
  }

  /// forward(layers, pixels: Float32Array, [count, channels, height, width], {tokens?, layout?, atCall?}):
  /// resolves to the layers' outputs.
  Napi::Value forward(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const std::shared_ptr<Handle> handle = handle_;
    const std::vector<std::string> layers = strings(info[0].As<Napi::Array>());
    if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      throw Napi::TypeError::New(env, "pixels must be a Float32Array");
    const auto pixels = info[1].As<Napi::Float32Array>();
    const auto shape = info[2].As<Napi::Array>();
    const auto side = [&](uint32_t i) { return shape.Get(i).As<Napi::Number>().Int64Value(); };
    Images images;
    images.count = side(0);
    images.channels = side(1);
    images.height = side(2);
    images.width = side(3);
    if (images.count < 1 || images.channels < 1 || images.height < 1 || images.width < 1 ||
        static_cast<int64_t>(pixels.ElementLength()) !=
            images.count * images.channels * images.height * images.width)
      throw Napi::RangeError::New(env, "pixels must have count × channels × height × width elements");
    return runAsync(
        env, handle->use(env), {self(info)},
        [handle, layers, images, floats = copyOf(pixels), options = retainOptions(info[3])]() mutable {
          images.floats = floats->data();
          const auto forward = handle->loaded().retain(layers, options);
          return forward->run(images);
        },
        [](Napi::Env env, const std::vector<UnitBatch> &activations) {
          const auto array = Napi::Array::New(env);
          for (const UnitBatch &activation : activations) {
            const auto object = Napi::Object::New(env);
            const auto shape = Napi::Array::New(env);
            size_t size = 1;
            for (const int64_t side : {activation.count, activation.units, int64_t{activation.height},
                                       int64_t{activation.width}}) {
              shape.Set(shape.Length(), static_cast<double>(side));
              size *= static_cast<size_t>(side);
            }
            object.Set("shape", shape);
            object.Set("values", valuesOf(env, activation, size));
            object.Set("tokensDropped", activation.tokensDropped);
            object.Set("unitsLast", activation.outputUnitsLast);
            object.Set("changedInPlace", activation.changedInPlace);
            array.Set(array.Length(), object);
          }
          return array;
        });
  }

  /// dissect(options): resolves to a NativeDissection.
  Napi::Value dissect(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const std::shared_ptr<Handle> handle = handle_;
    const auto input = info[0].As<Napi::Object>();
    DissectionInput given = dissectionInput(input);
    return runAsync(
        env, handle->use(env), {self(info)},
        [handle, given = std::move(given), retain = retainOptions(input)]() mutable {
          given.options.labels = given.table();
          ScriptModel &model = handle->loaded();
          retain.stayOnDevice = model.keepsOnDevice();
          const auto open = [&](const std::vector<std::string> &layers) {
            return model.retain(layers, retain);
          };
          return std::make_shared<Dissection>(open, std::move(given.options),
                                              model.keepsOnDevice() ? deviceBackend(model.device())
                                                                    : cpuBackend(),
                                              handle->engine.stopping().get());
        },
        [this](Napi::Env env, std::shared_ptr<Dissection> &dissection) {
          return newDissection(env, Value(), handle_, std::move(dissection));
        });
  }

  /// openStore(options): resolves to a NativeDissection whose levels are final.
  Napi::Value openStore(const Napi::CallbackInfo &info) { return openStoreAsync(info, handle_); }

  /// bareForward(options): resolves to a NativeForward.
  Napi::Value bareForward(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const std::shared_ptr<Handle> handle = handle_;
    const auto input = info[0].As<Napi::Object>();
    DissectionOptions options;
    options.layers = strings(input.Get("layers").As<Napi::Array>());
    imageOptions(input, options);
    return runAsync(
        env, handle->use(env), {self(info)},
        [handle, options = std::move(options), retain = retainOptions(input)]() mutable {
          retain.stayOnDevice = handle->loaded().keepsOnDevice();
          return std::make_shared<BareForward>(handle->loaded().retain(options.layers, retain), options);
        },
        [this](Napi::Env env, std::shared_ptr<BareForward> &forward) {
          return newForward(env, Value(), handle_, std::move(forward));
        });
  }

  /// takeLog(): the messages of LibTorch and the model since the last call.
  Napi::Value takeLog(const Napi::CallbackInfo &info) {
    const auto array = Napi::Array::New(info.Env());
    for (const std::string &message : handle_->log->take())
      array.Set(array.Length(), message);
    return array;
  }

  /// close(): the call in hand ends at the next chance, those that wait are refused by it, and the model
  /// goes; resolves when it is gone.
  Napi::Value close(const Napi::CallbackInfo &info) {
    const std::shared_ptr<Handle> handle = handle_;
    if (handle->closed)
      return closing_.IsEmpty() ? info.Env().Undefined() : closing_.Value();
    handle->closed = true;
    const Napi::Value promise = runAsync(
        info.Env(), handle->engine, {self(info)},
        [handle] {
          handle->model.reset();
#ifdef __GLIBC__
          malloc_trim(0); // see keepFreedMemory
#endif
          return 0;
        },
        [this](Napi::Env env, int) {
          held_.set(env, 0);
          return env.Undefined();
        });
    handle->engine.finish();
    closing_ = Napi::Persistent(promise.As<Napi::Object>());
    return promise;
  }

  std::shared_ptr<std::set<Engine *>> engines_; // outlives the environment's own data
  std::shared_ptr<Handle> handle_;
  Napi::ObjectReference closing_;
  HeldMemory held_;
};

} // namespace

Napi::Function defineModel(Napi::Env env) { return ModelObject::define(env); }

} // namespace netdissect
