// What the addon*.cc share, the only files that know Node: promises for work on an engine thread, errors,
// arrays. Every call that takes long runs on the model's engine thread, or on one of Node's pool, and returns
// a promise.
#pragma once
#include "base/engine.h"
#include "base/failure.h"
#include "model/log.h"
#include "model/script_model.h"
#include <array>
#include <exception>
#include <memory>
#include <mutex>
#include <napi.h>
#include <set>
#include <string>
#include <vector>

namespace netdissect {

class Dissection;
struct BareForward;

/// Whether an environment takes results still: what a call holds of one that is gone must not be touched.
struct Gate {
  std::mutex mutex;
  bool open = true;
};

/// What belongs to one JavaScript environment: a worker thread has its own.
struct Environment {
  Napi::FunctionReference dissection, forward;
  std::shared_ptr<std::set<Engine *>> engines = std::make_shared<std::set<Engine *>>();
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
};

Napi::Error errorOf(Napi::Env env, const std::exception_ptr &failure);

inline Napi::Object self(const Napi::CallbackInfo &info) { return info.This().As<Napi::Object>(); }

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
  engine.post(
      [call, function, gate = env.GetInstanceData<Environment>()->gate, work = std::move(work)]() mutable {
        try {
          call->result = work();
        } catch (...) {
          call->failure = std::current_exception();
        }
        // Where the environment is going away the call is not made, and what it holds belongs to that
        // environment.
        const std::lock_guard<std::mutex> lock(gate->mutex);
        if (!gate->open)
          return;
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

/// As runAsync, but on a thread of Node's pool, beside other work of its kind.
template <class Work, class Finish>
Napi::Value runOnPool(Napi::Env env, const std::vector<Napi::Object> &inputs, Work work, Finish finish) {
  struct Worker : Napi::AsyncWorker {
    Worker(Napi::Env env, Work work, Finish finish)
        : AsyncWorker(env, "netdissect"), deferred(Napi::Promise::Deferred::New(env)), work(std::move(work)),
          finish(std::move(finish)) {}
    void Execute() override {
      try {
        result = work();
      } catch (...) {
        failure = std::current_exception();
      }
    }
    void OnOK() override {
      try {
        if (failure)
          std::rethrow_exception(failure);
        deferred.Resolve(finish(Env(), result));
      } catch (...) {
        deferred.Reject(errorOf(Env(), std::current_exception()).Value());
      }
    }
    Napi::Promise::Deferred deferred;
    std::vector<Napi::ObjectReference> inputs;
    Work work;
    Finish finish;
    decltype(std::declval<Work &>()()) result{};
    std::exception_ptr failure;
  };
  auto *worker = new Worker(env, std::move(work), std::move(finish)); // destroys itself
  for (const Napi::Object &input : inputs)
    worker->inputs.push_back(Napi::Persistent(input));
  const Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

/// What of V8's account is held natively; kept up to date by whoever holds it.
class HeldMemory {
public:
  void set(Napi::Env env, int64_t bytes) {
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes - bytes_);
    bytes_ = bytes;
  }

private:
  int64_t bytes_ = 0;
};

/// A copy of an array's memory: what JavaScript does with its own meanwhile, and whether its environment
/// lives, is no matter then.
template <class T> std::shared_ptr<const std::vector<T>> copyOf(const Napi::TypedArrayOf<T> &array) {
  return std::make_shared<const std::vector<T>>(array.Data(), array.Data() + array.ElementLength());
}

template <class Array, class T> Array typedArray(Napi::Env env, const std::vector<T> &values) {
  Array array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

std::vector<std::string> strings(const Napi::Array &array);
Napi::Value pairOf(Napi::Env env, const std::array<double, 2> &values);

/// For calls out of order.
Napi::Error usageError(Napi::Env env, const char *message);

/// The model and its thread. Shared by the JavaScript model, its dissections and every call under way, so
/// that a call that cannot be interrupted keeps what it uses when the environment goes away.
struct Handle {
  explicit Handle(int threads)
      : engine([log = log, threads] {
          if (threads > 0)
            setThreads(threads);
          keepLog(log);
        }) {}
  std::shared_ptr<ScriptModel> model;
  bool closed = false;
  std::shared_ptr<Log> log = std::make_shared<Log>(); // of what arises on the engine's thread
  Engine engine;

  Engine &use(Napi::Env env) {
    if (closed)
      throw usageError(env, "the model is closed");
    return engine;
  }

  /// The model; on the engine's thread.
  ScriptModel &loaded() const {
    if (!model)
      throw Failure("ERR_NETDISSECT_USAGE", "no model is loaded");
    return *model;
  }
};

/// The classes NativeModel, NativeDissection and NativeForward.
Napi::Function defineModel(Napi::Env env);
Napi::Function defineDissection(Napi::Env env);
Napi::Function defineForward(Napi::Env env);
Napi::Object newDissection(Napi::Env env, const Napi::Object &model, std::shared_ptr<Handle> handle,
                           std::shared_ptr<Dissection> dissection);
Napi::Object newForward(Napi::Env env, const Napi::Object &model, std::shared_ptr<Handle> handle,
                        std::shared_ptr<BareForward> forward);
/// The functions `resample` and `correlate` of src/native/native.ts.
Napi::Value resampleAsync(const Napi::CallbackInfo &info);
Napi::Value correlateAsync(const Napi::CallbackInfo &info);

} // namespace netdissect
