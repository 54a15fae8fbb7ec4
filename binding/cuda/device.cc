#include "cuda/device.h"

namespace netdissect {

namespace {
constexpr int outOfMemory = 2;            // CUDA_ERROR_OUT_OF_MEMORY
constexpr int major = 75, minor = 76;     // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...
constexpr unsigned nonBlockingStream = 1; // CU_STREAM_NON_BLOCKING
} // namespace

CudaDevice::CudaDevice(const CudaDriver &driver, int number) : driver(driver) {
  int count = 0;
  check(driver.init(0), "it was started");
  check(driver.deviceGetCount(&count), "its devices were counted");
  if (number < 0 || number >= count)
    throw Failure("ERR_NETDISSECT_DEVICE", "there is no device cuda:" + std::to_string(number) + "; there " +
                                               (count == 1 ? "is one" : "are " + std::to_string(count)) +
                                               ", numbered from 0");
  check(driver.deviceGet(&device_, number), "it was opened");
  check(driver.primaryRetain(&context_, device_), "it was opened");
}

CudaDevice::~CudaDevice() { driver.primaryRelease(device_); }

void CudaDevice::check(int error, const char *doing) const {
  if (!error)
    return;
  if (error == outOfMemory)
    throw OutOfDeviceMemory(std::string("the GPU's memory is full: ") + driver.wordsOf(error) + " while " +
                            doing);
  throw Failure("ERR_NETDISSECT_DEVICE", std::string("the GPU failed while ") + doing + ": " +
                                             driver.wordsOf(error) +
                                             "; try again, or leave it out with device: 'cpu' (--no-cuda)");
}

std::string CudaDevice::name() const {
  char text[256] = "";
  check(driver.deviceGetName(text, sizeof text, device_), "its name was asked");
  return text;
}

int CudaDevice::capability() const {
  int whole = 0, part = 0;
  check(driver.deviceGetAttribute(&whole, major, device_), "its kind was asked");
  check(driver.deviceGetAttribute(&part, minor, device_), "its kind was asked");
  return 10 * whole + part;
}

int64_t CudaDevice::freeBytes() const {
  size_t free = 0, total = 0;
  check(driver.memGetInfo(&free, &total), "its memory was asked");
  return static_cast<int64_t>(free);
}

CudaDevice::Current::Current(const CudaDevice &device)
    : device_(device), pushed_(device.driver.pushCurrent(device.context_) == 0) {}

CudaDevice::Current::~Current() {
  void *context = nullptr;
  if (pushed_)
    device_.driver.popCurrent(&context);
}

CudaStream::CudaStream(const CudaDevice &device) : device_(device) {
  device.check(device.driver.streamCreate(&stream_, nonBlockingStream), "a stream was made");
}

CudaStream::~CudaStream() { device_.driver.streamDestroy(stream_); }

void CudaStream::wait() const {
  device_.check(device_.driver.streamSynchronize(stream_), "masks were counted");
}

void CudaMemory::grow(size_t bytes) {
  if (bytes <= bytes_)
    return;
  release();
  if (onHost_)
    device_.check(device_.driver.memHostAlloc(&memory_, bytes, 0), "memory for copies was asked for");
  else
    device_.check(device_.driver.memAlloc(&address_, bytes), "memory was asked for");
  bytes_ = bytes;
}

void CudaMemory::release() {
  if (bytes_)
    onHost_ ? device_.driver.memFreeHost(memory_) : device_.driver.memFree(address_);
  bytes_ = 0;
  memory_ = nullptr;
  address_ = 0;
}

CudaModule::CudaModule(const CudaDevice &device, const std::string &image,
                       const std::vector<const char *> &kernels)
    : device_(device) {
  device.check(device.driver.moduleLoadData(&module_, image.data()), "the kernels were loaded");
  // here, and not at their first launch: what they were compiled to may not be for this device
  for (const char *kernel : kernels)
    if (const int error = device.driver.moduleGetFunction(&functions_[kernel], module_, kernel)) {
      device.driver.moduleUnload(module_);
      device.check(error, "a kernel was looked up");
    }
}

CudaModule::~CudaModule() { device_.driver.moduleUnload(module_); }

void CudaModule::launchOf(const char *kernel, unsigned blocks, unsigned threads, unsigned sharedBytes,
                          const CudaStream &stream, void *args) const {
  void *parameters[] = {args};
  device_.check(device_.driver.launchKernel(functions_.at(kernel), blocks, 1, 1, threads, 1, 1, sharedBytes,
                                            stream.get(), parameters, nullptr),
                "a kernel was started");
}

} // namespace netdissect
