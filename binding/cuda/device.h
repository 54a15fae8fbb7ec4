// A CUDA device in use: its context, and what is held of it, each given back by its destructor.
#pragma once
#include "base/failure.h"
#include "cuda/driver.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace netdissect {

class CudaDevice {
public:
  /// Shares the context that LibTorch's runtime uses. Throws Failure.
  CudaDevice(const CudaDriver &driver, int number);
  ~CudaDevice();
  CudaDevice(const CudaDevice &) = delete;

  /// Throws OutOfDeviceMemory, or a Failure that says what was being done, and the driver's words.
  void check(int error, const char *doing) const;
  std::string name() const;
  /// Such as 90 for 9.0.
  int capability() const;
  int64_t freeBytes() const;

  const CudaDriver &driver;

  /// While it lives, the device is the calling thread's current one. Throws nothing: what is done next fails
  /// then.
  class Current {
  public:
    explicit Current(const CudaDevice &device);
    ~Current();
    Current(const Current &) = delete;

  private:
    const CudaDevice &device_;
    bool pushed_;
  };

private:
  int device_ = 0;
  void *context_ = nullptr;
};

class CudaStream {
public:
  explicit CudaStream(const CudaDevice &device);
  ~CudaStream();
  CudaStream(const CudaStream &) = delete;
  void wait() const;
  void *get() const { return stream_; }

private:
  const CudaDevice &device_;
  void *stream_ = nullptr;
};

/// Of the device, or of the host for copies that do not wait; grows, and forgets what it held then.
class CudaMemory {
public:
  CudaMemory(const CudaDevice &device, bool onHost) : device_(device), onHost_(onHost) {}
  ~CudaMemory() { release(); }
  CudaMemory(const CudaMemory &) = delete;
  void grow(size_t bytes);
  void release();
  CudaDriver::Address address() const { return address_; }
  char *host() const { return static_cast<char *>(memory_); }

private:
  const CudaDevice &device_;
  bool onHost_;
  size_t bytes_ = 0;
  CudaDriver::Address address_ = 0;
  void *memory_ = nullptr;
};

/// Compiled kernels on a device, by their names.
class CudaModule {
public:
  CudaModule(const CudaDevice &device, const std::string &image, const std::vector<const char *> &kernels);
  ~CudaModule();
  CudaModule(const CudaModule &) = delete;
  /// One warp an item, `warps` of them a block.
  template <class Args>
  void launch(const char *kernel, unsigned items, unsigned warps, unsigned sharedBytes,
              const CudaStream &stream, Args args) const {
    launchOf(kernel, (items + warps - 1) / warps, warps * 32, sharedBytes, stream, &args);
  }

private:
  void launchOf(const char *kernel, unsigned blocks, unsigned threads, unsigned sharedBytes,
                const CudaStream &stream, void *args) const;

  const CudaDevice &device_;
  void *module_ = nullptr;
  std::map<std::string, void *> functions_;
};

} // namespace netdissect
