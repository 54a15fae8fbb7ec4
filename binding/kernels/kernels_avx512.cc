// Compiled with -mavx512f -mavx512bw -mavx512vl -mavx512vpopcntdq -mpopcnt (CMakeLists.txt).
#include "kernels/kernels_impl.h"

namespace netdissect {
extern const Kernels avx512Kernels;
const Kernels avx512Kernels{"avx512", scan,      overBits,  interpolate,  maskWord,   intersect,
                            popcount, transpose, filterRow, filterColumn, addWeighted};
} // namespace netdissect
