// Batches of images as JavaScript gives them.
#pragma once
#include "node/addon.h"
#include "run/plan.h"

namespace netdissect {

/// {first, count, pixels, alpha?, segmentations?}; what has to stay while it is read is added to `kept`.
Batch batchOf(Napi::Env env, const Napi::Object &input, const DissectionOptions &options,
              std::vector<Napi::Object> &kept);

/// The images' size and normalisation, and the piece, of a dissection or a bare forward.
void imageOptions(const Napi::Object &input, DissectionOptions &options);

} // namespace netdissect
