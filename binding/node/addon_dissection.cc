// NativeDissection: a dissection as Node has it.
#include "base/stopwatch.h"
#include "node/addon.h"
#include "node/addon_store.h"
#include "node/addon_worth.h"
#include "node/batch.h"
#include "pictures/sheets.h"
#include "pictures/strips.h"
#include "run/dissection.h"
#include <mutex>
#include <type_traits>

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
                        InstanceMethod<&DissectionObject::call<countPaired>>("countPaired"),
                        InstanceMethod<&DissectionObject::call<countNarrow>>("countNarrow"),
                        InstanceMethod<&DissectionObject::call<resample>>("resample"),
                        InstanceMethod<&DissectionObject::call<formulas>>("formulas"),
                        InstanceMethod<&DissectionObject::call<averagePrecision>>("averagePrecision"),
                        InstanceMethod<&DissectionObject::call<maxima>>("maxima"),
                        InstanceMethod<&DissectionObject::stripBytes>("stripBytes"),
                        InstanceMethod<&DissectionObject::draw>("draw"),
                        InstanceMethod<&DissectionObject::drawMasks>("drawMasks"),
                        InstanceMethod<&DissectionObject::drawLabels>("drawLabels"),
                        InstanceMethod<&DissectionObject::profile>("profile"),
                        InstanceMethod<&DissectionObject::cancel>("cancel"),
                        InstanceMethod<&DissectionObject::close>("close"),
                        InstanceAccessor<&DissectionObject::passes>("passes"),
                        InstanceAccessor<&DissectionObject::pass>("pass"),
                        InstanceAccessor<&DissectionObject::shapes>("layers"),
                        InstanceAccessor<&DissectionObject::observed>("observed"),
                        InstanceAccessor<&DissectionObject::searched>("searched"),
                        InstanceAccessor<&DissectionObject::notices>("notices")});
  }

  void Finalize(Napi::BasicEnv env) override { held_.set(Napi::Env(env), 0); }

  void own(const Napi::Object &model, std::shared_ptr<Handle> handle,
           std::shared_ptr<Dissection> dissection) {
    model_ = Napi::Persistent(model);
    handle_ = std::move(handle);
    dissection_ = std::move(dissection);
  }

private:
  /// observe({first, pixels, count, alpha?, segmentations?})
  Napi::Value observe(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    Batch batch = batchOf(env, info[0].As<Napi::Object>(), open(env)->options());
    return runAsync(
        env, handle_->use(env), {self(info)},
        [handle = handle_, stopping = handle_->engine.stopping(), dissection = open(env),
         batch = std::move(batch)] {
          dissection->observe(batch, *stopping);
          return dissection->bytes();
        },
        [this](Napi::Env env, int64_t bytes) {
          if (dissection_)
            held_.set(env, bytes);
          return env.Undefined();
        });
  }

  /// finish(others: string[]): resolves to those whose part of the pass is missing.
  Napi::Value finish(const Napi::CallbackInfo &info) {
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env()),
         others = info[0].IsArray() ? strings(info[0].As<Napi::Array>()) : std::vector<std::string>()] {
          std::vector<std::string> missing;
          for (const size_t i : dissection->finish(others))
            missing.push_back(others[i]);
          return missing;
        },
        [](Napi::Env env, const std::vector<std::string> &missing) {
          const auto array = Napi::Array::New(env);
          for (const std::string &folder : missing)
            array.Set(array.Length(), folder);
          return array;
        });
  }

  /// count(images): counts about that many more images; resolves to how many are done.
  Napi::Value count(const Napi::CallbackInfo &info) {
    const int64_t images = info[0].As<Napi::Number>().Int64Value();
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env()), images] { return dissection->count(images); },
        [](Napi::Env env, int64_t done) { return Napi::Number::New(env, static_cast<double>(done)); });
  }

  Napi::Value results(const Napi::CallbackInfo &info) {
    struct Results {
      std::vector<double> labelPixels, labelImages, categoryImages, categoryArea;
      std::vector<LayerResult> layers;
    };
    return runAsync(
        info.Env(), handle_->use(info.Env()), {self(info)},
        [dissection = open(info.Env())] {
          const auto counted = dissection->counted("results");
          Results results;
          for (const LabelCount &label : counted->labels) {
            results.labelPixels.push_back(static_cast<double>(label.pixels));
            results.labelImages.push_back(static_cast<double>(label.images));
          }
          for (const CategoryCount &category : counted->categories) {
            results.categoryImages.push_back(static_cast<double>(category.images));
            results.categoryArea.push_back(static_cast<double>(category.pixels));
          }
          for (size_t l = 0; l < counted->layers.size(); l++)
            results.layers.push_back(counted->result(l));
          return results;
        },
        [](Napi::Env env, Results &results) {
          const auto object = Napi::Object::New(env);
          object.Set("labelPixels", typedArray<Napi::Float64Array>(env, results.labelPixels));
          object.Set("labelImages", typedArray<Napi::Float64Array>(env, results.labelImages));
          object.Set("categoryImages", typedArray<Napi::Float64Array>(env, results.categoryImages));
          object.Set("categoryArea", typedArray<Napi::Float64Array>(env, results.categoryArea));
          const auto layers = Napi::Array::New(env);
          for (const LayerResult &result : results.layers) {
            const auto layer = Napi::Object::New(env);
            setShape(layer, result);
            if (result.estimated)
              layer.Set("rankError", result.rankError);
            layer.Set("levels", typedArray<Napi::Float64Array>(env, result.levels));
            layer.Set("topImages", typedArray<Napi::Int32Array>(env, result.topImages));
            layer.Set("topActivations", typedArray<Napi::Float32Array>(env, result.topActivations));
            layer.Set("categoryPixels", typedArray<Napi::Float64Array>(env, result.categoryPixels));
            layer.Set("intersections", typedArray<Napi::Float64Array>(env, result.intersections));
            layer.Set("intersectionSquares", typedArray<Napi::Float64Array>(env, result.intersectionSquares));
            layer.Set("products", typedArray<Napi::Float64Array>(env, result.products));
            layer.Set("unionSquares", typedArray<Napi::Float64Array>(env, result.unionSquares));
            layers.Set(layers.Length(), layer);
          }
          object.Set("layers", layers);
          return object;
        });
  }

  template <Napi::Value (*ask)(const Called &)> Napi::Value call(const Napi::CallbackInfo &info) {
    return ask({info, handle_, open(info.Env()), searched_});
  }

  /// stripBytes(images): of the memory that draw() takes.
  Napi::Value stripBytes(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    const DissectionOptions &options = open(env)->options();
    const Strips strips = layOutStrips(info[0].As<Napi::Number>().Int64Value(), options.height, options.width,
                                       stripStyle(info[1].As<Napi::Object>()).gap, true);
    return Napi::Number::New(env, static_cast<double>(strips.seg.end));
  }

  /// {gap, border: [red, green, blue], labelColors}
  static StripStyle stripStyle(const Napi::Object &input) {
    StripStyle style;
    style.gap = input.Get("gap").As<Napi::Number>().Int32Value();
    style.labelColors = input.Get("labelColors").As<Napi::Number>().Uint32Value();
    if (style.gap < 0 || style.labelColors < 1 || style.labelColors > 254)
      throw Napi::RangeError::New(input.Env(),
                                  "a strip's gap is from 0 on, and it has 1 to 254 colours of labels");
    const auto border = input.Get("border").As<Napi::Array>();
    for (uint32_t c = 0; c < 3; c++)
      style.border[c] = static_cast<uint8_t>(border.Get(c).As<Napi::Number>().Uint32Value());
    return style;
  }

  /// draw(layer, unit, pixels: Uint8Array[], into: Uint8Array, style)
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
        [dissection = open(env), drawn = drawn_, layer, unit, pixels = std::move(pixels), to = into.Data(),
         bytes = into.ByteLength(), style = stripStyle(info[4].As<Napi::Object>())] {
          return drawn->timed([&] {
            return drawStrips(*dissection->counted("draw"), layer, unit, pixels, style, to, bytes);
          });
        },
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

  /// drawMasks(layer, unit, into: Uint8Array)
  Napi::Value drawMasks(const Napi::CallbackInfo &info) {
    const auto layer = info[0].As<Napi::Number>().Uint32Value();
    const auto unit = info[1].As<Napi::Number>().Int64Value();
    auto into = info[2].As<Napi::Uint8Array>();
    return runOnPool(
        info.Env(), {self(info), into},
        [dissection = open(info.Env()), drawn = drawn_, layer, unit, to = into.Data(),
         bytes = into.ByteLength()] {
          return drawn->timed([&] {
            drawMaskSheet(*dissection->counted("draw"), layer, unit, to, bytes);
            return 0;
          });
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  /// drawLabels(image, labelColors)
  Napi::Value drawLabels(const Napi::CallbackInfo &info) {
    const auto image = info[0].As<Napi::Number>().Int64Value();
    const auto colors = info[1].As<Napi::Number>().Uint32Value();
    if (colors < 1 || colors > 254)
      throw Napi::RangeError::New(info.Env(), "labels have 1 to 254 colours");
    return runOnPool(
        info.Env(), {self(info)},
        [dissection = open(info.Env()), drawn = drawn_, image, colors] {
          return drawn->timed([&] { return drawLabelSheet(*dissection->counted("draw"), image, colors); });
        },
        [](Napi::Env env, const LabelSheet &sheet) {
          const auto object = Napi::Object::New(env);
          object.Set("width", static_cast<double>(sheet.width));
          object.Set("height", static_cast<double>(sheet.height));
          object.Set("categories", typedArray<Napi::Int32Array>(env, sheet.categories));
          object.Set("labels", typedArray<Napi::Uint16Array>(env, sheet.labels));
          object.Set("colors", typedArray<Napi::Uint8Array>(env, sheet.colors));
          object.Set("depth", sheet.depth);
          object.Set("scanlines", typedArray<Napi::Uint8Array>(env, sheet.scanlines));
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

  /// close(): gives memory and temporary files back, once no call is under way; resolves then.
  Napi::Value close(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    held_.set(env, 0);
    auto gone = std::make_shared<std::shared_ptr<Dissection>>(std::move(dissection_));
    if (!*gone || handle_->closed) { // the model's thread is over
      const auto deferred = Napi::Promise::Deferred::New(env);
      gone->reset();
      deferred.Resolve(env.Undefined());
      return deferred.Promise();
    }
    return runAsync(
        env, handle_->engine, {self(info)},
        [gone] {
          gone->reset();
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  Napi::Value passes(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), open(info.Env())->passes());
  }

  Napi::Value pass(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), open(info.Env())->pass());
  }

  Napi::Value shapes(const Napi::CallbackInfo &info) {
    return layersOf(info.Env(), open(info.Env())->layers());
  }

  Napi::Value observed(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), static_cast<double>(open(info.Env())->observed()));
  }

  Napi::Value searched(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), static_cast<double>(searched_->load()));
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
    object.Set("forward", p.forward.load());
    object.Set("select", p.select.load());
    object.Set("pack", p.pack.load());
    object.Set("keep", p.keep.load());
    const StoreProfile store = dissection->storeProfile();
    object.Set("prune", store.prune);
    object.Set("spill", store.spill);
    object.Set("count", p.count.load());
    {
      const std::lock_guard<std::mutex> lock(drawn_->mutex);
      object.Set("draw", drawn_->seconds);
    }
    object.Set("spilledBytes", static_cast<double>(dissection->spilledBytes()));
    return object;
  }

  /// Seconds spent drawing, by several threads.
  struct Drawn {
    std::mutex mutex;
    double seconds = 0;

    template <class Draw> std::invoke_result_t<Draw> timed(Draw draw) {
      double taken = 0;
      auto drawing = [&] {
        const Stopwatch watch(taken);
        return draw();
      }();
      const std::lock_guard<std::mutex> lock(mutex);
      seconds += taken;
      return drawing;
    }
  };

  HeldMemory held_;
  std::shared_ptr<std::atomic<int64_t>> searched_ = std::make_shared<std::atomic<int64_t>>(0);
  std::shared_ptr<Drawn> drawn_ = std::make_shared<Drawn>();
  Napi::ObjectReference model_;
  std::shared_ptr<Handle> handle_;
  std::shared_ptr<Dissection> dissection_;
};

} // namespace

Napi::Function defineDissection(Napi::Env env) { return DissectionObject::define(env); }

Napi::Object newDissection(Napi::Env env, const Napi::Object &model, std::shared_ptr<Handle> handle,
                           std::shared_ptr<Dissection> dissection) {
  const auto object = env.GetInstanceData<Environment>()->dissection.New({});
  DissectionObject::Unwrap(object)->own(model, std::move(handle), std::move(dissection));
  return object;
}

} // namespace netdissect
