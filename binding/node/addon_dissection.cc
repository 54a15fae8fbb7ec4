// NativeDissection: a dissection as Node has it.
#include "node/addon.h"
#include "run/dissection.h"

namespace netdissect {
namespace {

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
                        InstanceAccessor<&DissectionObject::passes>("passes"),
                        InstanceAccessor<&DissectionObject::observed>("observed"),
                        InstanceAccessor<&DissectionObject::notices>("notices")});
  }

  void own(const Napi::Object &model, Handle *handle, std::shared_ptr<Dissection> dissection) {
    model_ = Napi::Persistent(model);
    handle_ = handle;
    dissection_ = std::move(dissection);
  }

private:
  /// observe({first, pixels, count, alpha?, segmentations?})
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
    if (!floats && pixels.TypedArrayType() != napi_uint8_array)
      throw Napi::TypeError::New(env, "pixels must be a Uint8Array of RGB or a Float32Array");
    if (static_cast<int64_t>(pixels.ElementLength()) !=
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
          dissection->requireResults();
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
            layer.Set("unitsLast", result.unitsLast);
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

  /// draw(layer, unit, pixels: Uint8Array[], into: Uint8Array)
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
    auto into = info[3].As<Napi::Uint8Array>();
    kept.push_back(into);
    return runOnPool(
        env, kept,
        [dissection = open(env), layer, unit, pixels = std::move(pixels), to = into.Data(),
         bytes = into.ByteLength()] { return dissection->draw(layer, unit, pixels, to, bytes); },
        [](Napi::Env env, const Strips &strips) {
          const auto object = Napi::Object::New(env);
          object.Set("width", static_cast<double>(strips.width));
          object.Set("height", static_cast<double>(strips.height));
          const auto set = [&](const char *name, const Strips::Part &part) {
            object.Set(name, pairOf(env, {static_cast<double>(part.begin), static_cast<double>(part.end)}));
          };
          set("top", strips.top);
          set("orig", strips.orig);
          set("mask", strips.mask);
          if (strips.seg.end > strips.seg.begin)
            set("seg", strips.seg);
          return object;
        });
  }

  std::shared_ptr<Dissection> open(Napi::Env env) const {
    if (!dissection_)
      throw usageError(env, "the dissection is closed");
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

  Napi::Value observed(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), static_cast<double>(open(info.Env())->observed()));
  }

  Napi::Value notices(const Napi::CallbackInfo &info) {
    const auto array = Napi::Array::New(info.Env());
    for (const std::string &notice : open(info.Env())->notices())
      array.Set(array.Length(), notice);
    return array;
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

} // namespace

Napi::Function defineDissection(Napi::Env env) { return DissectionObject::define(env); }

Napi::Object newDissection(Napi::Env env, const Napi::Object &model, Handle *handle,
                           std::shared_ptr<Dissection> dissection) {
  const auto object = env.GetInstanceData<Environment>()->dissection.New({});
  DissectionObject::Unwrap(object)->own(model, handle, std::move(dissection));
  return object;
}

} // namespace netdissect
