// The way of a GPU taken on the processor, for tests.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace netdissect {

/// NETDISSECT_GPU_PATH: numbers with commas between them, of which the last ones can be left out.
struct GpuPath {
  long long images = 0;           // of a forward at most; 0: any; under 0: none
  long long levels = 0;           // bytes for the values that decide levels
  long long select = 256LL << 20; // bytes to choose cells and to count by operations
  long long wait = 0;             // bytes for values that wait
  long long full = 0;             // the forward that finds no memory, once; 0: none
};

/// Where a test wants it.
inline std::optional<GpuPath> gpuPath() {
  const char *text = std::getenv("NETDISSECT_GPU_PATH");
  if (!text)
    return std::nullopt;
  GpuPath path;
  std::sscanf(text, "%lld,%lld,%lld,%lld,%lld", &path.images, &path.levels, &path.select, &path.wait,
              &path.full);
  return path;
}

} // namespace netdissect
