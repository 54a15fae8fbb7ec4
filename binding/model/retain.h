// Retaining layers of a TorchScript forward, which has no hooks: the graph is copied and inlined, a sink
// operator is put after every call of a wanted module, and what comes after the last of them is cut off.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <utility>
#include <vector>

namespace netdissect {

struct Capture {
  int calls = 0;
  c10::IValue value;           // what the last call returned, or the wanted part of it
  bool lacksPart = false;      // whether there is no such part: value is what was there instead
  bool changedInPlace = false; // whether it was written to after that call returned
};

/// A module whose outputs are wanted, or the part of a tuple or list that it returns: `{1}` its second.
struct Wanted {
  torch::jit::Module module;
  std::vector<int64_t> part;
};

/// The dotted name of a module -> the module, for all of a model's submodules.
std::vector<std::pair<std::string, torch::jit::Module>> submodules(const torch::jit::Module &model);
/// A module's class without its namespace.
std::string className(const torch::jit::Module &module);
/// An error's message without LibTorch's traces.
std::string cleanMessage(const std::exception &error);

class HookedGraph {
public:
  /// `wanted[i]` is put into slot i. With `truncate` the graph ends at the last call that is wanted, or at
  /// the last operation after it that may change such an output in place; it runs whole where a part is
  /// wanted of a list that is not made in sight. With `atCall` outputs are copied when the call returns.
  HookedGraph(torch::jit::Module model, c10::Device device, std::vector<Wanted> wanted, bool truncate,
              bool atCall = false);

  /// Runs the forward; one capture a slot.
  std::vector<Capture> run(const at::Tensor &input);
  /// Rows and columns of the convolutions' outputs that the last run flattened.
  const std::vector<std::pair<int64_t, int64_t>> &grids() const { return grids_; }
  /// Calls of a slot that stand in the graph.
  int sites(size_t slot) const { return sites_[slot]; }
  /// A method beside forward by which the model calls a slot's module; empty where there is none.
  const std::string &otherMethod(size_t slot) const { return otherMethods_[slot]; }
  /// A call whose module cannot be told; empty where all can.
  const std::string &unfollowed() const { return unfollowed_; }
  const torch::jit::Module &model() const { return model_; }
  const std::shared_ptr<torch::jit::Graph> &graph() const { return graph_; }
  static c10::Symbol sink();

private:
  void expand(torch::jit::Block *block);
  void retain(torch::jit::Node *call, const c10::IValue &object);
  void resolveParts();
  void truncate();
  void watchGrids(torch::jit::Block *block);

  torch::jit::Module model_;
  std::vector<std::vector<int64_t>> parts_;
  bool atCall_;
  std::vector<std::pair<const void *, int>> wanted_; // object -> slot
  std::vector<int> sites_;
  std::vector<std::pair<int64_t, int64_t>> grids_;
  std::vector<std::string> otherMethods_;
  std::string unfollowed_;
  std::set<const torch::jit::Node *> asItWas_; // calls that branches of modules end with
  int branched_ = 0;
  std::shared_ptr<torch::jit::Graph> graph_;
  std::unique_ptr<torch::jit::GraphFunction> function_;
};

} // namespace netdissect
