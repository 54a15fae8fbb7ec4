// Batches of images as JavaScript gives them.
#pragma once
#include "node/addon.h"
#include "run/plan.h"

namespace netdissect {

/// {first, count, pixels, alpha?, segmentations?}, copied.
Batch batchOf(Napi::Env env, const Napi::Object &input, const DissectionOptions &options);

/// The images' size and normalisation, and the piece, of a dissection or a bare forward.
void imageOptions(const Napi::Object &input, DissectionOptions &options);

} // namespace netdissect
