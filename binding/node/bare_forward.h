// A model's forward as a dissection runs it, and nothing else: what the benchmark measures a dissection
// against.
#pragma once
#include "run/plan.h"
#include <memory>

namespace netdissect {

struct BareForward {
  std::unique_ptr<UnitSource> source;
  DissectionOptions options;

  BareForward(std::unique_ptr<UnitSource> source, DissectionOptions options)
      : source(std::move(source)), options(std::move(options)) {}
  void run(const Batch &batch) {
    for (int64_t begin = 0; begin < batch.images.count; begin += options.piece)
      runPiece(*source, options, batch.images, begin, std::min(options.piece, batch.images.count - begin),
               options.piece);
    source->wait();
  }
};

} // namespace netdissect
