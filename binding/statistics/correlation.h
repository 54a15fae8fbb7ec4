// How alike units respond: Pearson correlations of their largest activations over images.
#pragma once
#include <cstdint>
#include <vector>

namespace netdissect {

/// Of every unit of `one` [units, images] with every one of `other` [otherUnits, images], as
/// [units, otherUnits] from -1 to 1; 0 where a unit's values are all the same. Whatever the number of
/// threads, the same.
std::vector<double> correlations(const float *one, int64_t units, const float *other, int64_t otherUnits,
                                 int64_t images);

} // namespace netdissect
