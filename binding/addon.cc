// The only file that knows Node: handles, promises, errors. Every call that takes long runs on the model's
// engine thread and returns a promise.
#include "dissection.h"
#include "engine.h"
#include "failure.h"
#include "kernels.h"
#include <cstdlib>
#include <dlfcn.h>
#include <exception>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <memory>
#include <mutex>
#include <napi.h>
#include <set>

namespace netdissect {
namespace {

/// What belongs to one JavaScript environment: a worker thread has its own.
struct Environment {
  Napi::FunctionReference dissection;
  std::shared_ptr<std::set<Engine *>> engines = std::make_shared<std::set<Engine *>>();
};

Napi::Error errorOf(Napi::Env env, const std::exception_ptr &failure) {
  std::string code = "ERR_NETDISSECT_NATIVE", message = "unknown native error";
  int64_t image = -1;
  try {
    std::rethrow_exception(failure);
  } catch (const Failure &f) {
    code = f.code;
    message = f.what();
    image = f.image;
  } catch (const std::bad_alloc &) {
    message = "out of memory; lower the memory budget or the batch size";
  } catch (const std::exception &e) {
    message = e.what();
  } catch (...) {
  }
  const Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  if (image >= 0)
    error.Set("image", Napi::Number::New(env, static_cast<double>(image)));
  return error;
}

Napi::Object self(const Napi::CallbackInfo &info) { return info.This().As<Napi::Object>(); }

/// Runs `work` on the engine and resolves a promise with what `finish` makes of its result. `inputs` are
/// objects whose memory the work reads.
template <class Work, class Finish>
Napi::Value runAsync(Napi::Env env, Engine &engine, const std::vector<Napi::Object> &inputs, Work work,
                     Finish finish) {
  using Result = decltype(work());
  struct Call {
    Napi::Promise::Deferred deferred;
    std::vector<Napi::ObjectReference> inputs;
    Result result{};
    std::exception_ptr failure;
    Finish finish;
  };
  Call *call = new Call{Napi::Promise::Deferred::New(env), {}, {}, nullptr, std::move(finish)};
  for (const Napi::Object &input : inputs)
    call->inputs.push_back(Napi::Persistent(input));
  const Napi::Promise promise = call->deferred.Promise();
  const auto function = Napi::ThreadSafeFunction::New(env, Napi::Function(), "netdissect", 0, 1);
  engine.post([call, function, work = std::move(work)]() mutable {
    try {
      call->result = work();
    } catch (...) {
      call->failure = std::current_exception();
    }
    // Where the environment is going away the call is not made, and what it holds belongs to that
    // environment.
    const napi_status status = function.BlockingCall(call, [](Napi::Env env, Napi::Function, Call *done) {
      const std::unique_ptr<Call> owner(done);
      const Napi::HandleScope scope(env);
      try {
        if (done->failure)
          std::rethrow_exception(done->failure);
        done->deferred.Resolve(done->finish(env, done->result));
      } catch (...) {
        done->deferred.Reject(errorOf(env, std::current_exception()).Value());
      }
    });
    if (status == napi_ok)
      function.Release();
  });
  return promise;
}

template <class Array, class T> Array typedArray(Napi::Env env, const std::vector<T> &values) {
  Array array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

std::vector<std::string> strings(const Napi::Array &array) {
  std::vector<std::string> result;
  for (uint32_t i = 0; i < array.Length(); i++)
    result.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return result;
}

Napi::Value pairOf(Napi::Env env, const std::array<double, 2> &values) {
  const Napi::Array array = Napi::Array::New(env, 2);
  array.Set(0u, values[0]);
  array.Set(1u, values[1]);
  return array;
}

Napi::Buffer<uint8_t> bufferOf(Napi::Env env, std::vector<uint8_t> &&bytes) {
  auto *owned = new std::vector<uint8_t>(std::move(bytes));
  return Napi::Buffer<uint8_t>::New(
      env, owned->data(), owned->size(),
      [](Napi::Env, uint8_t *, std::vector<uint8_t> *hint) { delete hint; }, owned);
}

/// The model and its thread. The JavaScript model owns it; a dissection and every call under way hold a
/// reference to that object, so that the engine is never destroyed on its own thread.
struct Handle {
  explicit Handle(int threads) : engine(threads) {}
  std::shared_ptr<ScriptModel> model;
  bool closed = false;
  Engine engine;

  Engine &use(Napi::Env env) {
    if (closed)
      throw Napi::Error::New(env, "the model is closed");
    return engine;
  }
};

class DissectionObject : public Napi::ObjectWrap<DissectionObject> {
public:
  explicit DissectionObject(const Napi::CallbackInfo &info) : ObjectWrap(info) {}

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeDissection",
                       {InstanceMethod<&DissectionObject::observe>("observe"),
                        InstanceMethod<&DissectionObject::finish>("finish"),
                        InstanceMethod<&DissectionObject::count>("count"),
                        InstanceMethod<&DissectionObject::results>("results"),
                        InstanceMethod<&DissectionObject::draw>("draw"),
                        InstanceMethod<&DissectionObject::profile>("profile"),
                        InstanceMethod<&DissectionObject::cancel>("cancel"),
                        InstanceMethod<&DissectionObject::close>("close"),
                        InstanceAccessor<&DissectionObject::passes>("passes")});
  }

  void own(const Napi::Object &model, Handle *handle, std::shared_ptr<Dissection> dissection) {
    model_ = Napi::Persistent(model);
    handle_ = handle;
    dissection_ = std::move(dissection);
  }

private:
  /// observe({first, pixels, count, segmentations?})
  Napi::Value observe(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const auto input = info[0].As<Napi::Object>();
    std::vector<Napi::Object> kept{self(info), input};
    Batch batch;
    batch.first = input.Get("first").As<Napi::Number>().Int64Value();
    const DissectionOptions &options = open(env)->options();
    Images &images = batch.images;
    images.count = input.Get("count").As<Napi::Number>().Int64Value();
    images.channels = options.channels;
    images.height = options.height;
    images.width = options.width;
    const auto pixels = input.Get("pixels").As<Napi::TypedArray>();
    kept.push_back(pixels);
    const bool floats = pixels.TypedArrayType() == napi_float32_array;
    if (!floats && (pixels.TypedArrayType() != napi_uint8_array || options.channels != 3))
      throw Napi::TypeError::New(env, "pixels must be a Uint8Array of RGB or a Float32Array");
    if (static_cast<int64_t>(pixels.ElementLength()) !=
        images.count * images.channels * images.height * images.width)
      throw Napi::RangeError::New(env, "pixels has " + std::to_string(pixels.ElementLength()) +
                                           " elements, not count × channels × height × width");
    if (floats)
      images.floats = pixels.As<Napi::Float32Array>().Data();
    else
      images.bytes = pixels.As<Napi::Uint8Array>().Data();
    if (input.Get("segmentations").IsArray()) {
      const auto segmentations = input.Get("segmentations").As<Napi::Array>();
      if (segmentations.Length() != images.count)
        throw Napi::RangeError::New(env, "segmentations must have one entry an image");
      for (uint32_t i = 0; i < segmentations.Length(); i++)
        batch.segmentations.push_back(labelMaps(env, segmentations.Get(i).As<Napi::Object>(), kept));
    }
    return runAsync(
        env, handle_->use(env), kept,
        [engine = &handle_->engine, dissection = open(info.Env()), batch = std::move(batch)] {
          dissection->observe(batch, engine->stopping());
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  /// {height, width, maps: (number | Uint16Array | Uint8Array)[]}
  static LabelMaps labelMaps(Napi::Env env, const Napi::Object &input, std::vector<Napi::Object> &kept) {
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

  Napi::Value finish(const Napi::CallbackInfo &info) {
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env())] {
          dissection->finish();
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  /// count(images): counts about that many more images; resolves to how many are done.
  Napi::Value count(const Napi::CallbackInfo &info) {
    const int64_t images = info[0].As<Napi::Number>().Int64Value();
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env()), images] {
          return dissection->count(std::max<int64_t>(1, images / dissection->options().piece));
        },
        [](Napi::Env env, int64_t done) { return Napi::Number::New(env, static_cast<double>(done)); });
  }

  Napi::Value results(const Napi::CallbackInfo &info) {
    struct Results {
      std::vector<double> labelPixels;
      std::vector<LayerResult> layers;
    };
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env())] {
          Results results{dissection->labelPixels(), {}};
          for (size_t l = 0; l < dissection->options().layers.size(); l++)
            results.layers.push_back(dissection->result(l));
          return results;
        },
        [](Napi::Env env, Results &results) {
          const auto object = Napi::Object::New(env);
          object.Set("labelPixels", typedArray<Napi::Float64Array>(env, results.labelPixels));
          const auto layers = Napi::Array::New(env);
          for (const LayerResult &result : results.layers) {
            const auto layer = Napi::Object::New(env);
            const auto shape = Napi::Array::New(env);
            shape.Set(0u, static_cast<double>(result.units));
            shape.Set(1u, result.height);
            shape.Set(2u, result.width);
            layer.Set("shape", shape);
            layer.Set("tokensDropped", result.tokensDropped);
            layer.Set("changedInPlace", result.changedInPlace);
            if (result.geometry.known) {
              layer.Set("scale", pairOf(env, result.geometry.scale));
              layer.Set("offset", pairOf(env, result.geometry.offset));
            }
            if (result.estimated)
              layer.Set("rankError", result.rankError);
            layer.Set("levels", typedArray<Napi::Float64Array>(env, result.levels));
            layer.Set("topImages", typedArray<Napi::Int32Array>(env, result.topImages));
            layer.Set("topActivations", typedArray<Napi::Float32Array>(env, result.topActivations));
            layer.Set("categoryPixels", typedArray<Napi::Float64Array>(env, result.categoryPixels));
            layer.Set("intersections", typedArray<Napi::Float64Array>(env, result.intersections));
            layers.Set(layers.Length(), layer);
          }
          object.Set("layers", layers);
          return object;
        });
  }

  /// draw(layer, unit, pixels: Uint8Array[])
  Napi::Value draw(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const auto layer = info[0].As<Napi::Number>().Uint32Value();
    const auto unit = info[1].As<Napi::Number>().Int64Value();
    const auto list = info[2].As<Napi::Array>();
    const DissectionOptions &options = open(env)->options();
    std::vector<Napi::Object> kept{self(info)};
    std::vector<const uint8_t *> pixels;
    for (uint32_t i = 0; i < list.Length(); i++) {
      const auto array = list.Get(i).As<Napi::Uint8Array>();
      if (array.ByteLength() != static_cast<size_t>(options.height * options.width * 3))
        throw Napi::RangeError::New(env, "a picture's pixels must be height × width × 3 bytes");
      kept.push_back(array);
      pixels.push_back(array.Data());
    }
    return runAsync(
        env, handle_->use(env), kept,
        [dissection = open(info.Env()), layer, unit, pixels = std::move(pixels)] {
          return dissection->draw(layer, unit, pixels);
        },
        [](Napi::Env env, Strips &strips) {
          const auto object = Napi::Object::New(env);
          object.Set("width", static_cast<double>(strips.width));
          object.Set("height", static_cast<double>(strips.height));
          object.Set("top", bufferOf(env, std::move(strips.top)));
          object.Set("orig", bufferOf(env, std::move(strips.orig)));
          object.Set("mask", bufferOf(env, std::move(strips.mask)));
          if (!strips.seg.empty())
            object.Set("seg", bufferOf(env, std::move(strips.seg)));
          return object;
        });
  }

  std::shared_ptr<Dissection> open(Napi::Env env) const {
    if (!dissection_)
      throw Napi::Error::New(env, "the dissection is closed");
    return dissection_;
  }

  Napi::Value cancel(const Napi::CallbackInfo &info) {
    if (dissection_)
      dissection_->cancel();
    return info.Env().Undefined();
  }

  /// Gives memory and temporary files back, once no call is under way.
  Napi::Value close(const Napi::CallbackInfo &info) {
    dissection_.reset();
    return info.Env().Undefined();
  }

  Napi::Value passes(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), open(info.Env())->passes());
  }

  Napi::Value profile(const Napi::CallbackInfo &info) {
    const auto object = Napi::Object::New(info.Env());
    const auto dissection = open(info.Env());
    const Profile &p = dissection->profile();
    object.Set("forward", p.forward);
    object.Set("select", p.select);
    object.Set("pack", p.pack);
    object.Set("prune", p.prune);
    object.Set("spill", p.spill);
    object.Set("count", p.count);
    object.Set("draw", p.draw);
    object.Set("spilledBytes", static_cast<double>(dissection->spilledBytes()));
    return object;
  }

  Napi::ObjectReference model_;
  Handle *handle_ = nullptr;
  std::shared_ptr<Dissection> dissection_;
};

class ModelObject : public Napi::ObjectWrap<ModelObject> {
public:
  explicit ModelObject(const Napi::CallbackInfo &info)
      : ObjectWrap(info), engines_(info.Env().GetInstanceData<Environment>()->engines),
        handle_(info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0) {
    engines_->insert(&handle_.engine);
  }
  ~ModelObject() override { release(); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeModel",
        {InstanceMethod<&ModelObject::load>("load"), InstanceMethod<&ModelObject::layers>("layers"),
         InstanceMethod<&ModelObject::parameters>("parameters"),
         InstanceMethod<&ModelObject::setParameter>("setParameter"),
         InstanceMethod<&ModelObject::dissect>("dissect"), InstanceMethod<&ModelObject::forward>("forward"),
         InstanceMethod<&ModelObject::close>("close")});
  }

private:
  void release() {
    engines_->erase(&handle_.engine);
    handle_.engine.stop();
    handle_.closed = true;
    handle_.model.reset();
#ifdef __GLIBC__
    malloc_trim(0); // see keepFreedMemory
#endif
  }

  /// load(path, device): resolves to the device.
  Napi::Value load(const Napi::CallbackInfo &info) {
    Handle *handle = &handle_;
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)},
        [handle, path = info[0].As<Napi::String>().Utf8Value(),
         device = info[1].As<Napi::String>().Utf8Value()] {
          handle->model = ScriptModel::load(path, device);
          return handle->model->device();
        },
        [](Napi::Env env, const std::string &device) { return Napi::String::New(env, device); });
  }

  /// parameters(): resolves to [{name, dtype, shape}].
  Napi::Value parameters(const Napi::CallbackInfo &info) {
    Handle *handle = &handle_;
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)}, [handle] { return handle->model->parameters(); },
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
    Handle *handle = &handle_;
    const auto bytes = info[2].As<Napi::Uint8Array>();
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info), bytes},
        [handle, name = info[0].As<Napi::String>().Utf8Value(),
         dtype = info[1].As<Napi::String>().Utf8Value(), data = bytes.Data(), size = bytes.ByteLength()] {
          handle->model->setParameter(name, dtype, data, size);
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  /// layers(channels, height, width, tokens?)
  Napi::Value layers(const Napi::CallbackInfo &info) {
    Handle *handle = &handle_;
    const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int64Value(); };
    return runAsync(
        info.Env(), handle->use(info.Env()), {self(info)},
        [handle, c = number(0), h = number(1), w = number(2), tokens = tokensOf(info[3])] {
          return handle->model->layers(c, h, w, tokens);
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
  static Napi::Float32Array valuesOf(Napi::Env env, const Activation &activation, size_t size) {
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
      options.tokens = tokensOf(object.Get("tokens"));
      options.atCall = object.Get("atCall").ToBoolean();
    }
    return options;
  }
  static int tokensOf(const Napi::Value &input) {
    return input.IsNumber() ? input.As<Napi::Number>().Int32Value() : RetainOptions::detectTokens;
  }

  /// forward(layers, pixels: Float32Array, [count, channels, height, width], {tokens?, atCall?}): resolves to
  /// the layers' outputs.
  Napi::Value forward(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    Handle *handle = &handle_;
    const std::vector<std::string> layers = strings(info[0].As<Napi::Array>());
    if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      throw Napi::TypeError::New(env, "pixels must be a Float32Array");
    const auto pixels = info[1].As<Napi::Float32Array>();
    const auto shape = info[2].As<Napi::Array>();
    const auto side = [&](uint32_t i) { return shape.Get(i).As<Napi::Number>().Int64Value(); };
    Images images;
    images.floats = pixels.Data();
    images.count = side(0);
    images.channels = side(1);
    images.height = side(2);
    images.width = side(3);
    if (images.count < 1 || images.channels < 1 || images.height < 1 || images.width < 1 ||
        static_cast<int64_t>(pixels.ElementLength()) !=
            images.count * images.channels * images.height * images.width)
      throw Napi::RangeError::New(env, "pixels must have count × channels × height × width elements");
    return runAsync(
        env, handle->use(env), {self(info), pixels},
        [handle, layers, images, options = retainOptions(info[3])] {
          const auto forward = handle->model->retain(layers, options);
          forward->run(images);
          return forward->take();
        },
        [](Napi::Env env, const std::vector<Activation> &activations) {
          const auto array = Napi::Array::New(env);
          for (const Activation &activation : activations) {
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
            object.Set("changedInPlace", activation.changedInPlace);
            array.Set(array.Length(), object);
          }
          return array;
        });
  }

  /// dissect(options): resolves to a NativeDissection.
  Napi::Value dissect(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    Handle *handle = &handle_;
    const auto input = info[0].As<Napi::Object>();
    const auto number = [&](const char *name) { return input.Get(name).As<Napi::Number>(); };
    DissectionOptions options;
    options.layers = strings(input.Get("layers").As<Napi::Array>());
    options.images = number("images").Int64Value();
    options.channels = number("channels").Int64Value();
    options.height = number("height").Int64Value();
    options.width = number("width").Int64Value();
    options.quantile = number("quantile").DoubleValue();
    options.topImages = number("topImages").Int64Value();
    options.piece = std::max<int64_t>(1, number("piece").Int64Value());
    options.memory = number("memory").Int64Value();
    options.spillFolder = input.Get("spillFolder").As<Napi::String>().Utf8Value();
    options.approximate = input.Get("approximate").ToBoolean();
    options.keepMasks = input.Get("keepMasks").ToBoolean();
    options.scaleOffset = input.Get("scaleOffset").ToBoolean();
    options.retain = retainOptions(input);
    options.forwardOnly = input.Get("forwardOnly").ToBoolean();
    const auto floats = [&](const char *name, std::array<float, 3> &out) {
      const auto array = input.Get(name).As<Napi::Array>();
      for (uint32_t c = 0; c < 3; c++)
        out[c] = array.Get(c).As<Napi::Number>().FloatValue();
    };
    floats("mean", options.mean);
    floats("deviation", options.deviation);
    if (input.Get("labelCategory").IsTypedArray()) {
      const auto category = input.Get("labelCategory").As<Napi::Int32Array>();
      options.labels.category.assign(category.Data(), category.Data() + category.ElementLength());
      options.labels.categories = number("categories").Int32Value();
      for (const int32_t c : options.labels.category)
        if (c < -1 || c >= options.labels.categories)
          throw Napi::RangeError::New(env, "labelCategory names a category that there is not");
      if (options.labels.category.size() > 65536)
        throw Napi::RangeError::New(env, "label numbers go up to 65535");
    }
    if (options.images < 1 || options.channels < 1 || options.height < 1 || options.width < 1 ||
        options.topImages < 0 || !(options.quantile > 0 && options.quantile < 1))
      throw Napi::RangeError::New(env, "images, channels, height, width and quantile must be positive");
    return runAsync(
        env, handle->use(env), {self(info)},
        [handle, options = std::move(options)] {
          return std::make_shared<Dissection>(handle->model, options);
        },
        [this](Napi::Env env, std::shared_ptr<Dissection> &dissection) {
          const auto object = env.GetInstanceData<Environment>()->dissection.New({});
          DissectionObject::Unwrap(object)->own(Value(), &handle_, std::move(dissection));
          return object;
        });
  }

  Napi::Value close(const Napi::CallbackInfo &info) {
    release();
    return info.Env().Undefined();
  }

  std::shared_ptr<std::set<Engine *>> engines_; // outlives the environment's own data
  Handle handle_;
};

/// A CUDA build of LibTorch registers its devices when its library is loaded, which must come before anything
/// asks for them: the first answer is kept for good.
void openCuda() {
  if (!dlopen("libcuda.so.1", RTLD_LAZY))
    return;
  Dl_info torch;
  if (!dladdr(reinterpret_cast<void *>(&torchVersion), &torch))
    return;
  dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
}

/// Every forward allocates and frees the same tensors. Unless glibc is told to keep that memory it goes back
/// to the system each time and costs a page fault for every 4 KiB when it comes again: 12 % of a ResNet's
/// time.
void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 64 << 20); // more than an arena's heap has left, so that no heap is given back
#endif
}

Napi::Value describe(const Napi::CallbackInfo &info) {
  const auto object = Napi::Object::New(info.Env());
  object.Set("libtorch", torchVersion());
  object.Set("cuda", cudaAvailable());
  object.Set("simd", kernels().name);
  return object;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, [] {
    keepFreedMemory();
    openCuda();
    // process.exit() and uncaught exceptions end the process without the environment's cleanup.
    std::atexit(Engine::stopAll);
  });
  auto *environment = new Environment;
  environment->dissection = Napi::Persistent(DissectionObject::define(env));
  env.SetInstanceData(environment);
  // Before an environment goes away (a terminated worker) its engines must be at rest.
  env.AddCleanupHook([engines = environment->engines] {
    for (Engine *engine : *engines)
      engine->stop();
  });
  exports.Set("NativeModel", ModelObject::define(env));
  exports.Set("describe", Napi::Function::New(env, describe));
  return exports;
}

} // namespace
} // namespace netdissect

static Napi::Object initializeAddon(Napi::Env env, Napi::Object exports) {
  return netdissect::initialize(env, exports);
}
NODE_API_MODULE(netdissect_native, initializeAddon)
