#include "node/addon_worth.h"
#include "run/dissection.h"
#include "worth/average_precision.h"
#include "worth/bootstrap.h"
#include "worth/formulas.h"
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
      [partners = copyOf(called.info[0].As<Napi::Uint32Array>())](const Counted &counted,
                                                                  const std::atomic<bool> &stopping) {
        return countPaired(counted, *partners, stopping);
      },
      [](Napi::Env env, const std::vector<std::vector<LayerTally>> &all) {
        const auto array = Napi::Array::New(env);
        for (const std::vector<LayerTally> &tallies : all) {
          const auto layers = Napi::Array::New(env);
          for (const LayerTally &tally : tallies) {
            const auto layer = Napi::Object::New(env);
            setCounts(layer, tally);
            layers.Set(layers.Length(), layer);
          }
          array.Set(array.Length(), layers);
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
      [](Napi::Env env, const std::vector<std::optional<NarrowLayer>> &layers) {
        const auto array = Napi::Array::New(env);
        for (const std::optional<NarrowLayer> &narrow : layers) {
          if (!narrow) {
            array.Set(array.Length(), env.Null());
            continue;
          }
          const auto layer = Napi::Object::New(env);
          layer.Set("levels", typedArray<Napi::Float64Array>(env, narrow->levels));
          setCounts(layer, *narrow->tally);
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

/// A layer's formulas as typed arrays; formulas of length up to k + 1 in `best[k]`.
static Napi::Object formulasOf(Napi::Env env, const std::vector<UnitFormulas> &units) {
  const auto numbers = [&](auto of) {
    std::vector<double> values;
    for (const UnitFormulas &unit : units)
      values.push_back(static_cast<double>(of(unit)));
    return typedArray<Napi::Float64Array>(env, values);
  };
  const auto layer = Napi::Object::New(env);
  layer.Set("maskPixels", numbers([](const UnitFormulas &unit) { return unit.maskPixels; }));
  layer.Set("gap", numbers([](const UnitFormulas &unit) { return unit.gap; }));
  layer.Set("images", numbers([](const UnitFormulas &unit) { return unit.images; }));
  layer.Set("low", numbers([](const UnitFormulas &unit) { return unit.interval.low; }));
  layer.Set("high", numbers([](const UnitFormulas &unit) { return unit.interval.high; }));
  const auto best = Napi::Array::New(env);
  for (size_t k = 0; !units.empty() && k < units[0].best.size(); k++) {
    std::vector<int32_t> labels;
    std::vector<uint8_t> operators;
    for (const UnitFormulas &unit : units) {
      const Formula &formula = unit.best[k];
      labels.insert(labels.end(), formula.labels.begin(), formula.labels.end());
      for (const Operator by : formula.operators)
        operators.push_back(static_cast<uint8_t>(by));
    }
    const auto one = Napi::Object::New(env);
    one.Set("rows", typedArray<Napi::Int32Array>(env, labels));
    one.Set("operators", typedArray<Napi::Uint8Array>(env, operators));
    one.Set("both", numbers([k](const UnitFormulas &unit) { return unit.best[k].both; }));
    one.Set("size", numbers([k](const UnitFormulas &unit) { return unit.best[k].size; }));
    best.Set(best.Length(), one);
  }
  layer.Set("best", best);
  return layer;
}

Napi::Value formulas(const Called &called) {
  const auto given = called.info[0].As<Napi::Object>();
  FormulaOptions options;
  options.length = given.Get("length").As<Napi::Number>().Int32Value();
  options.seconds = given.Get("seconds").As<Napi::Number>().DoubleValue();
  options.bootstrap.replicates = given.Get("replicates").As<Napi::Number>().Uint32Value();
  options.bootstrap.seed = given.Get("seed").As<Napi::Number>().Uint32Value();
  return ask(
      called, "formulas",
      [options, searched = called.searched](const Counted &counted, const std::atomic<bool> &stopping) {
        *searched = 0;
        return findFormulas(counted, options, stopping, *searched);
      },
      [](Napi::Env env, const std::vector<std::vector<UnitFormulas>> &layers) {
        const auto array = Napi::Array::New(env);
        for (const auto &units : layers)
          array.Set(array.Length(), formulasOf(env, units));
        return array;
      });
}

Napi::Value averagePrecision(const Called &called) {
  return ask(
      called, "averagePrecision",
      [layer = called.info[0].As<Napi::Number>().Uint32Value()](const Counted &counted,
                                                                const std::atomic<bool> &stopping) {
        return averagePrecision(counted, layer, stopping);
      },
      [](Napi::Env env, const std::vector<double> &values) {
        return typedArray<Napi::Float64Array>(env, values);
      });
}

Napi::Value maxima(const Called &called) {
  return ask(
      called, "maxima",
      [layer = called.info[0].As<Napi::Number>().Uint32Value()](
          const Counted &counted, const std::atomic<bool> &) { return counted.maxima(layer).values(); },
      [](Napi::Env env, const std::vector<float> &values) {
        return typedArray<Napi::Float32Array>(env, values);
      });
}

} // namespace netdissect
