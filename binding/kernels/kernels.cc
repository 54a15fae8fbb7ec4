#include "kernels/kernels.h"
#include <cstdlib>
#include <string>

namespace netdissect {

extern const Kernels portableKernels;
#if defined(NETDISSECT_X86)
extern const Kernels avx2Kernels, avx512Kernels;
#endif

static const Kernels &choose() {
#if defined(NETDISSECT_X86)
  const char *wish = std::getenv("NETDISSECT_SIMD");
  const std::string most = wish ? wish : "";
  if (most == "portable")
    return portableKernels;
  if (most != "avx2" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq"))
    return avx512Kernels;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
    return avx2Kernels;
#endif
  return portableKernels;
}

const Kernels &kernels() {
  static const Kernels &chosen = choose();
  return chosen;
}

} // namespace netdissect
