// A driver for CUDA that is none: memory of the host, kernels run by the emulator. It remembers what is held,
// refuses what a driver would refuse, and fails where it is told to.
#pragma once
#include "cuda/driver.h"
#include "cuda/kernels.h"
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

/// One at a time.
class FakeDriver {
public:
  struct Launch {
    std::string kernel;
    unsigned blocks, threads, sharedBytes;
  };
  static constexpr int outOfMemory = 2, badValue = 1, badContext = 201, lost = 719;

  int devices = 1;
  size_t memory = size_t{1} << 30; // bytes of the device
  std::set<std::string> badImages; // that do not load
  std::string image;               // that did
  Kernels kernels{netdissectExpand, netdissectCount};
  std::map<std::string, std::pair<int, int>> failures; // by call: at which one (from 1 on), with which error
  std::map<std::string, int> calls;
  std::vector<Launch> launches;

  FakeDriver() { self() = this; }
  ~FakeDriver() {
    for (const auto &[address, bytes] : onDevice_)
      std::free(reinterpret_cast<void *>(address));
    for (void *memory : onHost_)
      std::free(memory);
  }

  /// What is still held, in words.
  std::string held() const {
    std::string text;
    const auto add = [&](const char *what, size_t n) {
      if (n)
        text += std::to_string(n) + " " + what + " ";
    };
    add("device memory", onDevice_.size());
    add("host memory", onHost_.size());
    add("contexts", static_cast<size_t>(retained_));
    add("current", static_cast<size_t>(current_));
    add("streams", streams_.size());
    add("modules", modules_.size());
    return text;
  }
  size_t used() const {
    size_t bytes = 0;
    for (const auto &[address, size] : onDevice_)
      bytes += size;
    return bytes;
  }

  netdissect::CudaDriver table() const {
    netdissect::CudaDriver t{};
    t.init = [](unsigned) { return self()->failing("init"); };
    t.deviceGetCount = [](int *count) {
      *count = self()->devices;
      return self()->failing("deviceGetCount");
    };
    t.deviceGet = [](int *device, int ordinal) {
      *device = ordinal + 40;
      return ordinal < self()->devices ? 0 : badValue;
    };
    t.deviceGetName = [](char *name, int length, int) {
      std::snprintf(name, static_cast<size_t>(length), "Fake");
      return 0;
    };
    t.deviceGetAttribute = [](int *value, int attribute, int) {
      *value = attribute == 75 ? 9 : 0;
      return 0;
    };
    t.primaryRetain = [](void **context, int device) {
      if (device < 40)
        return badValue;
      if (const int error = self()->failing("primaryRetain"))
        return error;
      *context = self();
      self()->retained_++;
      return 0;
    };
    t.primaryRelease = [](int) {
      self()->retained_--;
      return 0;
    };
    t.pushCurrent = [](void *context) {
      if (context != self())
        return badContext;
      self()->current_++;
      return 0;
    };
    t.popCurrent = [](void **) {
      self()->current_--;
      return 0;
    };
    t.moduleLoadData = [](void **module, const void *image) {
      self()->image = static_cast<const char *>(image);
      *module = nullptr;
      if (self()->badImages.count(self()->image))
        return 209; // CUDA_ERROR_NO_BINARY_FOR_GPU
      return self()->open("moduleLoadData", self()->modules_, module);
    };
    t.moduleUnload = [](void *module) { return self()->close(self()->modules_, module); };
    t.moduleGetFunction = [](void **function, void *, const char *name) {
      *function = nullptr;
      for (const char *known : {"netdissectExpand", "netdissectCount"})
        if (std::string(known) == name)
          *function = const_cast<char *>(known);
      return *function ? 0 : 500;
    };
    t.launchKernel = launch;
    t.streamCreate = [](void **stream, unsigned) {
      return self()->open("streamCreate", self()->streams_, stream);
    };
    t.streamDestroy = [](void *stream) { return self()->close(self()->streams_, stream); };
    t.streamSynchronize = [](void *) { return self()->failing("streamSynchronize"); };
    t.memGetInfo = [](size_t *free, size_t *total) {
      *total = self()->memory;
      *free = self()->memory - self()->used();
      return 0;
    };
    t.memAlloc = [](netdissect::CudaDriver::Address *address, size_t bytes) {
      if (const int error = self()->failing("memAlloc"))
        return error;
      if (!self()->current_)
        return badContext;
      if (self()->used() + bytes > self()->memory)
        return outOfMemory;
      void *memory = std::malloc(bytes);
      std::memset(memory, 0xa5, bytes); // as it was left
      *address = reinterpret_cast<netdissect::CudaDriver::Address>(memory);
      self()->onDevice_[*address] = bytes;
      return 0;
    };
    t.memFree = [](netdissect::CudaDriver::Address address) {
      std::free(reinterpret_cast<void *>(address));
      return self()->current_ && self()->onDevice_.erase(address) ? 0 : badValue;
    };
    t.memHostAlloc = [](void **memory, size_t bytes, unsigned) {
      if (const int error = self()->failing("memHostAlloc"))
        return error;
      *memory = std::malloc(bytes);
      self()->onHost_.insert(*memory);
      return 0;
    };
    t.memFreeHost = [](void *memory) {
      std::free(memory);
      return self()->onHost_.erase(memory) ? 0 : badValue;
    };
    t.memcpyToDevice = [](netdissect::CudaDriver::Address to, const void *from, size_t bytes, void *stream) {
      if (const int error = self()->failing("memcpyToDevice"))
        return error;
      if (!self()->inside(to, bytes) || !self()->streams_.count(stream))
        return badValue;
      std::memcpy(reinterpret_cast<void *>(to), from, bytes);
      return 0;
    };
    t.memcpyToHost = [](void *to, netdissect::CudaDriver::Address from, size_t bytes, void *stream) {
      if (const int error = self()->failing("memcpyToHost"))
        return error;
      if (!self()->inside(from, bytes) || !self()->streams_.count(stream))
        return badValue;
      std::memcpy(to, reinterpret_cast<void *>(from), bytes);
      return 0;
    };
    t.getErrorName = [](int error, const char **name) {
      *name = error == outOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
              : error == lost      ? "CUDA_ERROR_LAUNCH_FAILED"
              : error == 209       ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
                                   : "CUDA_ERROR";
      return 0;
    };
    t.getErrorString = [](int, const char **text) {
      *text = "as the test wants";
      return 0;
    };
    return t;
  }

private:
  static FakeDriver *&self() {
    static FakeDriver *driver = nullptr;
    return driver;
  }

  int failing(const std::string &call) {
    const int now = ++calls[call];
    const auto failure = failures.find(call);
    return failure != failures.end() && now >= failure->second.first ? failure->second.second : 0;
  }
  int open(const char *call, std::set<void *> &all, void **handle) {
    if (const int error = failing(call))
      return error;
    if (!current_)
      return badContext;
    *handle = reinterpret_cast<void *>(++handles_);
    all.insert(*handle);
    return 0;
  }
  int close(std::set<void *> &all, void *handle) { return current_ && all.erase(handle) ? 0 : badValue; }
  bool inside(netdissect::CudaDriver::Address address, size_t bytes) const {
    for (const auto &[begin, size] : onDevice_)
      if (address >= begin && address + bytes <= begin + size)
        return true;
    return false;
  }

  static int launch(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                    unsigned blockY, unsigned blockZ, unsigned sharedBytes, void *stream, void **parameters,
                    void **extra) {
    FakeDriver &own = *self();
    if (const int error = own.failing("launchKernel"))
      return error;
    if (gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 || extra || !own.streams_.count(stream) ||
        !gridX || blockX > 1024 || sharedBytes > 48 * 1024)
      return badValue;
    const std::string name = static_cast<const char *>(function);
    own.launches.push_back({name, gridX, blockX, sharedBytes});
    std::function<void()> kernel;
    if (name == "netdissectExpand")
      kernel = [&] { own.kernels.expand(*static_cast<netdissect::ExpandArgs *>(parameters[0])); };
    else
      kernel = [&] { own.kernels.count(*static_cast<netdissect::CountArgs *>(parameters[0])); };
    emulated::Launch::now().run(gridX, blockX, sharedBytes, own.launches.size(), kernel);
    return 0;
  }

  int retained_ = 0, current_ = 0;
  uintptr_t handles_ = 0;
  std::map<netdissect::CudaDriver::Address, size_t> onDevice_;
  std::set<void *> onHost_, streams_, modules_;
};
