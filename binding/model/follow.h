// Following a forward's calls to the modules that they reach, in a copy of its graph: through attributes,
// lists of modules, module interfaces, functions, forks and hooks.
#pragma once
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

namespace netdissect {

/// Follows attributes from `self` (the model's own object) to a value; false where it is none of that kind.
bool attributeOf(const torch::jit::Value *value, const torch::jit::Value *self, const c10::IValue &model,
                 c10::IValue &out);

/// What a call of a module's forward gives to its caller: its output, or what the hooks that were compiled
/// into the module made of it.
torch::jit::Value *givenToCaller(torch::jit::Node *call, const c10::ClassType &type);

/// Turns a call of a module that only the run can tell into one branch for each module that it can be; the
/// last makes the call as it was. Returns the first node of what stands there now, null where no module fits.
torch::jit::Node *branchByModule(torch::jit::Graph &graph, torch::jit::Node *call,
                                 const torch::jit::Module &model);

/// Runs a forked part where it is forked. Returns the node before what was inserted.
torch::jit::Node *inlineFork(torch::jit::Graph &graph, torch::jit::Node *fork);

/// Makes the devices that the code names those of the run.
void useDevice(torch::jit::Graph &graph, torch::jit::Block *block, c10::Device device);

} // namespace netdissect
