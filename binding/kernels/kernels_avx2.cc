// Compiled with -mavx2 -mpopcnt (CMakeLists.txt).
#include "kernels/kernels_impl.h"

namespace netdissect {
extern const Kernels avx2Kernels;
const Kernels avx2Kernels{"avx2",   scan,      overBits,  interpolate,  maskWord,   intersect,
                          popcount, transpose, filterRow, filterColumn, addWeighted};
} // namespace netdissect
