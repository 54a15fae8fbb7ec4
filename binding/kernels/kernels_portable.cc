#include "kernels/kernels_impl.h"

namespace netdissect {
extern const Kernels portableKernels;
const Kernels portableKernels{"portable", scan,      overBits,  interpolate,  maskWord,   intersect,
                              popcount,   transpose, filterRow, filterColumn, addWeighted};
} // namespace netdissect
