#include "node/addon.h"
#include "base/failure.h"
#include "kernels/kernels.h"
#include "model/cuda_status.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <mutex>

namespace netdissect {

Napi::Error usageError(Napi::Env env, const char *message) {
  const Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_NETDISSECT_USAGE"));
  return error;
}

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

namespace {

/// Every forward allocates and frees the same tensors. Unless glibc is told to keep that memory it goes back
/// to the system each time and costs a page fault for every 4 KiB when it comes again: 12 % of a ResNet's
/// time.
Napi::Value keepFreedMemory(const Napi::CallbackInfo &info) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 64 << 20); // more than an arena's heap has left, so that no heap is given back
#endif
  return info.Env().Undefined();
}

/// exchange(a, b): whether two files or folders have changed places, in one step; false where the system or
/// the file system does not do that.
Napi::Value exchange(const Napi::CallbackInfo &info) {
  const std::string a = info[0].As<Napi::String>(), b = info[1].As<Napi::String>();
#ifdef SYS_renameat2
  constexpr unsigned exchangeFlag = 2; // RENAME_EXCHANGE
  const bool done = syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), exchangeFlag) == 0;
#else
  const bool done = false;
#endif
  return Napi::Boolean::New(info.Env(), done);
}

/// lock(path): a number for unlock(), or -1 where another process, or this one, holds it. The system lets it
/// go with the process.
Napi::Value lock(const Napi::CallbackInfo &info) {
  const std::string path = info[0].As<Napi::String>();
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0)
    throw Napi::Error::New(info.Env(), std::strerror(errno));
  if (flock(file, LOCK_EX | LOCK_NB) == 0)
    return Napi::Number::New(info.Env(), file);
  const int why = errno;
  close(file);
  if (why != EWOULDBLOCK)
    throw Napi::Error::New(info.Env(), std::strerror(why));
  return Napi::Number::New(info.Env(), -1);
}

Napi::Value unlock(const Napi::CallbackInfo &info) {
  close(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

Napi::Value torchVersionOf(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), torchVersion());
}

Napi::Value whyNoCudaOf(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), whyNoCuda(info[0].As<Napi::Number>().Int32Value()));
}

Napi::Value describe(const Napi::CallbackInfo &info) {
  const auto object = Napi::Object::New(info.Env());
  object.Set("libtorch", torchVersion());
  object.Set("cuda", whyNoCuda().empty());
  object.Set("whyNoCuda", whyNoCuda());
  object.Set("simd", kernels().name);
  object.Set("external", static_cast<double>(Napi::MemoryManagement::AdjustExternalMemory(info.Env(), 0)));
  return object;
}

/// Lets the job in hand of each end at the next chance, and waits a little for all of them.
void stopEnginesOf(const std::set<Engine *> &engines) {
  for (Engine *engine : engines)
    engine->finish();
  for (Engine *engine : engines)
    engine->stop(enginePatience);
}

/// Ends the work of this environment's engines. LibTorch's own objects go away as the process exits, some of
/// them before the function that std::atexit calls: nothing may run by then.
Napi::Value stopEngines(const Napi::CallbackInfo &info) {
  stopEnginesOf(*info.Env().GetInstanceData<Environment>()->engines);
  return info.Env().Undefined();
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, [] {
    openCuda();
    // process.exit() and uncaught exceptions end the process without the environment's cleanup; see
    // stopEngines.
    std::atexit(Engine::stopAll);
  });
  auto *environment = new Environment;
  environment->dissection = Napi::Persistent(defineDissection(env));
  environment->forward = Napi::Persistent(defineForward(env));
  env.SetInstanceData(environment);
  // Before an environment goes away (a terminated worker) its engines must be at rest.
  env.AddCleanupHook([engines = environment->engines, gate = environment->gate] {
    stopEnginesOf(*engines);
    const std::lock_guard<std::mutex> lock(gate->mutex);
    gate->open = false;
  });
  exports.Set("NativeModel", defineModel(env));
  exports.Set("resample", Napi::Function::New(env, resampleAsync));
  exports.Set("correlate", Napi::Function::New(env, correlateAsync));
  exports.Set("keepFreedMemory", Napi::Function::New(env, keepFreedMemory));
  exports.Set("exchange", Napi::Function::New(env, exchange));
  exports.Set("lock", Napi::Function::New(env, lock));
  exports.Set("unlock", Napi::Function::New(env, unlock));
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("torchVersion", Napi::Function::New(env, torchVersionOf));
  exports.Set("whyNoCuda", Napi::Function::New(env, whyNoCudaOf));
  exports.Set("stopEngines", Napi::Function::New(env, stopEngines));
  return exports;
}

} // namespace
} // namespace netdissect

static Napi::Object initializeAddon(Napi::Env env, Napi::Object exports) {
  return netdissect::initialize(env, exports);
}
NODE_API_MODULE(netdissect_native, initializeAddon)
