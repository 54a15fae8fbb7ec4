// Opens LibTorch for the addon, whose libraries are not where the system looks, and says in the system's
// words why one does not open. It needs neither LibTorch nor the C++ library, so that it loads where these do
// not.
#include <cstddef>
#include <cstdint>
#include <dlfcn.h>
#include <node_api.h>

namespace {

constexpr size_t longestText = 4096;

void text(napi_env env, napi_value argument, char (&into)[longestText]) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, argument, into, sizeof into, &length) != napi_ok)
    into[0] = '\0';
}

napi_value stringOf(napi_env env, const char *words) {
  napi_value value;
  napi_create_string_utf8(env, words, NAPI_AUTO_LENGTH, &value);
  return value;
}

napi_value numberOf(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

/// open(path): opens a library for all that come after it, for as long as the process lives; null, or why it
/// does not open. All of its symbols are looked up at once.
napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  char path[longestText];
  text(env, argument, path);
  if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL))
    return stringOf(env, dlerror());
  napi_get_null(env, &result);
  return result;
}

/// libc(): the version of the GNU C library, or null where it is another one.
napi_value libc(napi_env env, napi_callback_info) {
  const auto version = reinterpret_cast<const char *(*)()>(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
  if (version)
    return stringOf(env, version());
  napi_value result;
  napi_get_null(env, &result);
  return result;
}

/// What of CUDA's driver interface is asked for; its functions return 0 where all is well.
struct Driver {
  void *library;

  template <typename... Arguments> int call(const char *name, Arguments... arguments) const {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
    return function ? function(arguments...) : -1;
  }
};

napi_value deviceOf(napi_env env, const Driver &driver, int number) {
  int device = 0, major = 0, minor = 0;
  size_t bytes = 0;
  char name[256] = "";
  driver.call("cuDeviceGet", &device, number);
  driver.call("cuDeviceGetName", static_cast<char *>(name), static_cast<int>(sizeof name), device);
  driver.call("cuDeviceTotalMem_v2", &bytes, device);
  constexpr int majorAttribute = 75, minorAttribute = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...
  driver.call("cuDeviceGetAttribute", &major, majorAttribute, device);
  driver.call("cuDeviceGetAttribute", &minor, minorAttribute, device);
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "name", stringOf(env, name));
  napi_set_named_property(env, object, "memory", numberOf(env, static_cast<double>(bytes)));
  napi_set_named_property(env, object, "capability", numberOf(env, 10 * major + minor));
  return object;
}

/// driver(): CUDA's driver as `{version, devices}`, or in words why there is none. The version is 1000 times
/// CUDA's number before the point and 10 times that after it.
napi_value driver(napi_env env, napi_callback_info) {
  const Driver driver{dlopen("libcuda.so.1", RTLD_NOW)};
  if (!driver.library)
    return stringOf(env, dlerror());
  if (const int failure = driver.call("cuInit", 0u)) {
    const char *words = nullptr;
    driver.call("cuGetErrorString", failure, &words);
    return stringOf(env, words ? words : "cuInit fails");
  }
  int version = 0, count = 0;
  driver.call("cuDriverGetVersion", &version);
  driver.call("cuDeviceGetCount", &count);
  napi_value object, devices;
  napi_create_object(env, &object);
  napi_create_array(env, &devices);
  for (int i = 0; i < count; i++)
    napi_set_element(env, devices, static_cast<uint32_t>(i), deviceOf(env, driver, i));
  napi_set_named_property(env, object, "version", numberOf(env, version));
  napi_set_named_property(env, object, "devices", devices);
  return object;
}

} // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback function;
  } functions[] = {{"open", open}, {"libc", libc}, {"driver", driver}};
  for (const auto &[name, function] : functions) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  }
  return exports;
}
