// A model's forward that keeps the outputs of chosen layers.
#pragma once
#include "model/runner.h"
#include "model/script_model.h"

namespace netdissect {

/// Why a layer has no call in the graph.
std::string whyUncalled(const HookedGraph &hooked, size_t slot);

/// `running` has to outlive it.
std::unique_ptr<UnitSource> retainedForward(torch::jit::Module model, std::shared_ptr<Running> running,
                                            std::vector<Wanted> wanted, std::vector<std::string> names,
                                            const RetainOptions &options);

} // namespace netdissect
