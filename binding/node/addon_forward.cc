// NativeForward: a bare forward as Node has it.
#include "node/addon.h"
#include "node/bare_forward.h"
#include "node/batch.h"

namespace netdissect {
namespace {

class ForwardObject : public Napi::ObjectWrap<ForwardObject> {
public:
  explicit ForwardObject(const Napi::CallbackInfo &info) : ObjectWrap(info) {}

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeForward", {InstanceMethod<&ForwardObject::run>("run")});
  }

  void own(const Napi::Object &model, std::shared_ptr<Handle> handle, std::shared_ptr<BareForward> forward) {
    model_ = Napi::Persistent(model);
    handle_ = std::move(handle);
    forward_ = std::move(forward);
  }

private:
  /// run({first, count, pixels, alpha?})
  Napi::Value run(const Napi::CallbackInfo &info) {
    const auto env = info.Env();
    if (!forward_)
      throw usageError(env, "a forward is made by a model's bareForward");
    Batch batch = batchOf(env, info[0].As<Napi::Object>(), forward_->options);
    return runAsync(
        env, handle_->use(env), {self(info)},
        [forward = forward_, batch = std::move(batch)] {
          forward->run(batch);
          return 0;
        },
        [](Napi::Env env, int) { return env.Undefined(); });
  }

  Napi::ObjectReference model_;
  std::shared_ptr<Handle> handle_;
  std::shared_ptr<BareForward> forward_;
};

} // namespace

Napi::Function defineForward(Napi::Env env) { return ForwardObject::define(env); }

Napi::Object newForward(Napi::Env env, const Napi::Object &model, std::shared_ptr<Handle> handle,
                        std::shared_ptr<BareForward> forward) {
  const auto object = env.GetInstanceData<Environment>()->forward.New({});
  ForwardObject::Unwrap(object)->own(model, std::move(handle), std::move(forward));
  return object;
}

} // namespace netdissect
