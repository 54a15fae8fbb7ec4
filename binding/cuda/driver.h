// CUDA's driver as a table of functions, opened at run time: the addon needs no CUDA to be built or loaded.
// Tests put another table in its place.
#pragma once
#include <cstddef>
#include <string>

namespace netdissect {

/// Names of the driver's interface are without their cu. Each gives 0 or the number of an error.
struct CudaDriver {
  using Address = unsigned long long;

  int (*init)(unsigned flags);
  int (*deviceGetCount)(int *count);
  int (*deviceGet)(int *device, int ordinal);
  int (*deviceGetName)(char *name, int length, int device);
  int (*deviceGetAttribute)(int *value, int attribute, int device);
  int (*primaryRetain)(void **context, int device);
  int (*primaryRelease)(int device);
  int (*pushCurrent)(void *context);
  int (*popCurrent)(void **context);
  int (*moduleLoadData)(void **module, const void *image);
  int (*moduleUnload)(void *module);
  int (*moduleGetFunction)(void **function, void *module, const char *name);
  int (*launchKernel)(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                      unsigned blockY, unsigned blockZ, unsigned sharedBytes, void *stream, void **parameters,
                      void **extra);
  int (*streamCreate)(void **stream, unsigned flags);
  int (*streamDestroy)(void *stream);
  int (*streamSynchronize)(void *stream);
  int (*memGetInfo)(size_t *free, size_t *total);
  int (*memAlloc)(Address *address, size_t bytes);
  int (*memFree)(Address address);
  int (*memHostAlloc)(void **memory, size_t bytes, unsigned flags);
  int (*memFreeHost)(void *memory);
  int (*memcpyToDevice)(Address to, const void *from, size_t bytes, void *stream);
  int (*memcpyToHost)(void *to, Address from, size_t bytes, void *stream);
  int (*getErrorName)(int error, const char **name);
  int (*getErrorString)(int error, const char **text);

  /// "CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)".
  std::string wordsOf(int error) const;
};

/// The system's, with at least one device, opened once; null where there is none, and then why.
const CudaDriver *cudaDriver(std::string &why);
/// One that a library of that name is, for tests.
const CudaDriver *openCudaDriver(const char *library, CudaDriver &table, std::string &why);

} // namespace netdissect
