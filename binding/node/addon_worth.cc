#include "node/addon_worth.h"
#include "run/dissection.h"
#include "worth/bootstrap.h"
#include "worth/recount.h"

namespace netdissect {

/// Runs `work(counted, stopping)` on the engine's thread.
template <class Work, class Finish>
static Napi::Value ask(const Called &called, const char *name, Work work, Finish finish) {
  const auto env = called.info.Env();
  return runAsync(
      env, called.handle->use(env), {self(called.info)},
      [handle = called.handle, stopping = called.handle->engine.stopping(), dissection = called.dissection,
       name, work = std::move(work)] { return work(*dissection->counted(name), *stopping); },
      std::move(finish));
}

static void setCounts(const Napi::Object &layer, const LayerTally &tally) {
  const auto env = layer.Env();
  layer.Set("categoryPixels",
            typedArray<Napi::Float64Array>(env, transposed(tally.categoryPixels, tally.units)));
  layer.Set("intersections",
            typedArray<Napi::Float64Array>(env, transposed(tally.intersections, tally.units)));
}

Napi::Value countPaired(const Called &called) {
  return ask(
      called, "countPaired",
      [partner = copyOf(called.info[0].As<Napi::Uint32Array>())](const Counted &counted,
                                                                 const std::atomic<bool> &stopping) {
        return countPaired(counted, *partner, stopping);
      },
      [](Napi::Env env, const std::vector<LayerTally> &tallies) {
        const auto array = Napi::Array::New(env);
        for (const LayerTally &tally : tallies) {
          const auto layer = Napi::Object::New(env);
          setCounts(layer, tally);
          array.Set(array.Length(), layer);
        }
        return array;
      });
}

Napi::Value countNarrow(const Called &called) {
  return ask(
      called, "countNarrow",
      [quantile = called.info[0].As<Napi::Number>().DoubleValue()](const Counted &counted,
                                                                   const std::atomic<bool> &stopping) {
        return countNarrow(counted, quantile, stopping);
      },
      [](Napi::Env env, const std::vector<NarrowLayer> &layers) {
        const auto array = Napi::Array::New(env);
        for (const NarrowLayer &narrow : layers) {
          const auto layer = Napi::Object::New(env);
          layer.Set("levels", typedArray<Napi::Float64Array>(env, narrow.levels));
          setCounts(layer, narrow.tally);
          array.Set(array.Length(), layer);
        }
        return array;
      });
}

Napi::Value resample(const Called &called) {
  const auto options = called.info[2].As<Napi::Object>();
  Bootstrap bootstrap;
  bootstrap.replicates = options.Get("replicates").As<Napi::Number>().Uint32Value();
  bootstrap.seed = options.Get("seed").As<Napi::Number>().Uint32Value();
  return ask(
      called, "resample",
      [layer = called.info[0].As<Napi::Number>().Uint32Value(),
       choices = copyOf(called.info[1].As<Napi::Int32Array>()),
       bootstrap](const Counted &counted, const std::atomic<bool> &stopping) {
        return resample(counted, layer, *choices, bootstrap, stopping);
      },
      [](Napi::Env env, const Resampled &resampled) {
        std::vector<double> low, high;
        for (const Interval &interval : resampled.intervals) {
          low.push_back(interval.low);
          high.push_back(interval.high);
        }
        const auto object = Napi::Object::New(env);
        object.Set("low", typedArray<Napi::Float64Array>(env, low));
        object.Set("high", typedArray<Napi::Float64Array>(env, high));
        object.Set("wins", typedArray<Napi::Int32Array>(env, resampled.wins));
        return object;
      });
}

} // namespace netdissect
