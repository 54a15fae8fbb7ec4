#include "model/retain.h"
#include "base/failure.h"
#include "model/follow.h"
#include <algorithm>
#include <cctype>
#include <set>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

namespace netdissect {

using namespace torch::jit;

namespace {

struct Sink {
  const std::vector<std::vector<int64_t>> &parts;
  bool atCall;
  std::vector<Capture> captures;
  std::vector<c10::VariableVersion> counters; // of the tensors that were captured, copied or not
  std::vector<uint32_t> versions;             // when they were
  std::vector<std::pair<int64_t, int64_t>> &grids;
};

thread_local Sink *activeSink = nullptr;

class SinkScope {
public:
  explicit SinkScope(Sink *sink) { activeSink = sink; }
  ~SinkScope() { activeSink = nullptr; }
};

uint32_t versionOf(const c10::VariableVersion &counter) {
  return counter.enabled() ? counter.current_version() : 0;
}

/// Turns a tuple or list into a part of it; false, and the value as far as it went, where there is none.
bool takePart(c10::IValue &value, const std::vector<int64_t> &part) {
  for (const int64_t index : part) {
    std::vector<c10::IValue> elements;
    if (value.isTuple())
      elements = value.toTuple()->elements().vec();
    else if (value.isList())
      elements = value.toListRef().vec();
    if (index >= static_cast<int64_t>(elements.size()))
      return false;
    value = elements[index];
  }
  return true;
}

// CONSERVATIVE: the operator is neither removed nor moved, and its input counts as used by anything after it.
// The tensor is kept, not copied, unless its values at the call are wanted: operations that change it in
// place afterwards show. `whole` says that x is not yet the wanted part.
const RegisterOperators
    registration({Operator(
                      "netdissect::retain(Any x, int slot, bool whole) -> ()",
                      [](Stack &stack) {
                        const bool whole = pop(stack).toBool();
                        const int64_t slot = pop(stack).toInt();
                        c10::IValue value = pop(stack);
                        if (!activeSink)
                          return;
                        Capture &capture = activeSink->captures.at(slot);
                        capture.lacksPart = whole && !takePart(value, activeSink->parts.at(slot));
                        capture.calls++;
                        const bool tensor = value.isTensor() && value.toTensor().defined();
                        c10::VariableVersion &counter = activeSink->counters.at(slot);
                        counter = tensor ? value.toTensor().unsafeGetTensorImpl()->version_counter()
                                         : c10::VariableVersion(c10::VariableVersion::DISABLED);
                        activeSink->versions.at(slot) = versionOf(counter);
                        capture.value = tensor && activeSink->atCall ? c10::IValue(value.toTensor().clone())
                                                                     : std::move(value);
                      },
                      c10::AliasAnalysisKind::CONSERVATIVE),
                  Operator(
                      "netdissect::grid(Tensor x) -> ()",
                      [](Stack &stack) {
                        const at::Tensor x = pop(stack).toTensor();
                        if (activeSink && x.dim() == 4)
                          activeSink->grids.emplace_back(x.size(2), x.size(3));
                      },
                      c10::AliasAnalysisKind::CONSERVATIVE)});

/// `forward`; `forward1`, `forward2`... which tracing makes of further calls; `forward__0`... of overloads.
bool isForward(const std::string &method) {
  if (method.rfind("forward", 0) != 0)
    return false;
  const auto number = method.begin() + (method.rfind("forward__", 0) == 0 ? 9 : 7);
  return std::all_of(number, method.end(), ::isdigit);
}

bool holdsSink(Node *node) {
  if (node->kind() == HookedGraph::sink())
    return true;
  for (Block *block : node->blocks())
    for (Node *inner : block->nodes())
      if (holdsSink(inner))
        return true;
  return false;
}

void collectSinks(Block *block, std::vector<Node *> &sinks) {
  for (Node *node : block->nodes()) {
    if (node->kind() == HookedGraph::sink())
      sinks.push_back(node);
    for (Block *inner : node->blocks())
      collectSinks(inner, sinks);
  }
}

/// Where a module's parameters and buffers lie: modules that scripting has split keep the same.
std::string storageKey(const Module &module) {
  std::string key;
  for (const auto &tensor : module.named_parameters())
    key += tensor.name + std::to_string(reinterpret_cast<uintptr_t>(tensor.value.data_ptr())) + ";";
  for (const auto &tensor : module.named_buffers())
    key += tensor.name + std::to_string(reinterpret_cast<uintptr_t>(tensor.value.data_ptr())) + ";";
  return key.empty() ? key : className(module) + ":" + key;
}

} // namespace

c10::Symbol HookedGraph::sink() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("netdissect::retain");
  return symbol;
}

std::vector<std::pair<std::string, Module>> submodules(const Module &model) {
  std::vector<std::pair<std::string, Module>> result;
  for (const auto &named : model.named_modules())
    if (!named.name.empty())
      result.emplace_back(named.name, named.value);
  return result;
}

std::string className(const Module &module) {
  const auto name = module.type()->name();
  return name ? name->name() : "Module";
}

std::string cleanMessage(const std::exception &error) {
  std::string text = error.what();
  if (const auto *c10Error = dynamic_cast<const c10::Error *>(&error))
    text = c10Error->what_without_backtrace();
  if (const auto at = text.rfind("RuntimeError: "); at != std::string::npos)
    text = text.substr(at + 14);
  if (const auto at = text.find("\nException raised from "); at != std::string::npos)
    text.resize(at);
  // What a model raises stands behind the trace, with its class.
  if (text.rfind("The following operation failed in the TorchScript interpreter", 0) == 0) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
      text.pop_back();
    const auto raised = text.rfind("\nbuiltins.");
    text = raised != std::string::npos ? text.substr(raised + 10) : text.substr(text.rfind('\n') + 1);
  }
  text.erase(0, text.find_first_not_of(" \n"));
  if (const auto at = text.find('\n'); at != std::string::npos)
    text.resize(at);
  while (!text.empty() &&
         (std::isspace(static_cast<unsigned char>(text.back())) || text.back() == '.' || text.back() == ':'))
    text.pop_back();
  return text.empty() ? "LibTorch gives no reason" : text;
}

HookedGraph::HookedGraph(Module model, c10::Device device, std::vector<Wanted> wanted, bool truncateIt,
                         bool atCall)
    : model_(std::move(model)), atCall_(atCall), sites_(wanted.size()), otherMethods_(wanted.size()) {
  for (size_t slot = 0; slot < wanted.size(); slot++) {
    const Module &wantedModule = wanted[slot].module;
    const void *object = wantedModule._ivalue().get();
    parts_.push_back(std::move(wanted[slot].part));
    wanted_.emplace_back(object, static_cast<int>(slot));
    if (!truncateIt)
      continue;
    // A module under two names is two objects once it was scripted.
    const std::string key = storageKey(wantedModule);
    for (const auto &[name, module] : submodules(model_))
      if (!key.empty() && module._ivalue().get() != object && storageKey(module) == key)
        wanted_.emplace_back(module._ivalue().get(), static_cast<int>(slot));
  }
  graph_ = toGraphFunction(model_.get_method("forward").function()).graph()->copy();
  expand(graph_->block());
  Inline(*graph_);
  useDevice(*graph_, graph_->block(), device);
  resolveParts();
  if (truncateIt && std::any_of(sites_.begin(), sites_.end(), [](int sites) { return sites > 0; }))
    truncate();
  EliminateDeadCode(graph_);
  watchGrids(graph_->block());
  graph_->lint();
  function_ = std::make_unique<GraphFunction>(c10::QualifiedName("netdissect_forward"), graph_, nullptr);
}

void HookedGraph::expand(Block *block) {
  for (Node *node = *block->nodes().begin(); node != block->return_node();) {
    Node *const before = node->prev();
    if (node->kind() == prim::fork && node->hasAttribute(attr::Subgraph)) {
      node = inlineFork(*graph_, node)->next();
      continue;
    }
    if (node->kind() == prim::CallMethod) {
      c10::IValue object;
      const bool known = attributeOf(node->input(0), graph_->inputs()[0], model_._ivalue(), object);
      if (known && object.isObject()) {
        Function *method = object.toObject()->type()->findMethod(node->s(attr::name));
        if (GraphFunction *function = method ? tryToGraphFunction(*method) : nullptr) {
          node->input(0)->setType(object.type()); // of an interface's value the object's own
          retain(node, object);
          inlineCallTo(node, function, function->graph().get());
          node = before->next(); // the inlined nodes may call further modules
          continue;
        }
      } else if (node->input(0)->type()->is_module() && !asItWas_.count(node)) {
        constexpr int most = 1000; // interfaces in interfaces multiply
        if (Node *branches = branched_ < most ? branchByModule(*graph_, node, model_) : nullptr) {
          branched_++;
          Node *last = branches; // the innermost branch makes the call as it was
          while (last->kind() != prim::If)
            last = last->next();
          for (Block *inner = last->blocks()[1];;) {
            Node *call = *std::prev(inner->nodes().end());
            if (call->kind() != prim::If) {
              asItWas_.insert(call);
              break;
            }
            inner = call->blocks()[1];
          }
          node = branches;
          continue;
        }
        unfollowed_ = node->input(0)->type()->str() + "." + node->s(attr::name);
      }
    } else if (node->kind() == prim::CallFunction)
      if (GraphFunction *function = tryToGraphFunction(node)) {
        node->removeInput(0);
        inlineCallTo(node, function, function->graph().get());
        node = before->next();
        continue;
      }
    for (Block *inner : node->blocks())
      expand(inner);
    node = node->next();
  }
}

void HookedGraph::retain(Node *call, const c10::IValue &object) {
  for (const auto &[wanted, slot] : wanted_) {
    if (wanted != object.toObject().get())
      continue;
    if (!isForward(call->s(attr::name))) {
      otherMethods_[slot] = call->s(attr::name);
      continue;
    }
    Value *given = givenToCaller(call, *object.toObject()->type());
    const WithInsertPoint point(given->node()->next());
    graph_->insertNode(graph_->create(
        sink(), {given, graph_->insertConstant(int64_t{slot}), graph_->insertConstant(!parts_[slot].empty())},
        0));
    sites_[slot]++;
  }
}

/// Whether a value is a tuple, or a list that nobody changes, made of its node's inputs.
static bool isMadeInSight(const Value *value) {
  if (value->node()->kind() == prim::TupleConstruct)
    return true;
  static const std::set<std::string> reading{"netdissect::retain", "prim::ListUnpack", "aten::__getitem__",
                                             "aten::len",          "aten::cat",        "aten::stack"};
  return value->node()->kind() == prim::ListConstruct &&
         std::all_of(value->uses().begin(), value->uses().end(),
                     [](const Use &use) { return reading.count(use.user->kind().toQualString()) > 0; });
}

void HookedGraph::resolveParts() {
  // The alias analysis follows a tensor better than the tuple that holds it, and a tuple is nearly always
  // made in plain sight.
  std::vector<Node *> sinks;
  collectSinks(graph_->block(), sinks);
  for (Node *node : sinks) {
    const std::vector<int64_t> &part = parts_[toIValue(node->input(1))->toInt()];
    Value *value = node->input(0);
    bool found = !part.empty();
    for (const int64_t index : part) {
      found = found && isMadeInSight(value) && index < static_cast<int64_t>(value->node()->inputs().size());
      if (found)
        value = value->node()->input(index);
    }
    if (!found)
      continue;
    const WithInsertPoint point(node);
    node->replaceInput(0, value);
    node->replaceInput(2, graph_->insertConstant(false));
  }
}

void HookedGraph::watchGrids(Block *block) {
  static const std::set<std::string> flattening{"aten::flatten", "aten::view", "aten::reshape"};
  const auto flattened = [&](const Value *value) {
    return std::any_of(value->uses().begin(), value->uses().end(), [&](const Use &use) {
      return use.offset == 0 && flattening.count(use.user->kind().toQualString()) > 0;
    });
  };
  for (Node *node : block->nodes()) {
    for (Block *inner : node->blocks())
      watchGrids(inner);
    const std::string kind = node->kind().toQualString();
    if (kind != "aten::_convolution" && kind != "aten::conv2d" && kind != "aten::convolution")
      continue;
    // At once, or after one operation more, such as a normalisation or a permutation.
    bool patches = flattened(node->output());
    for (const Use &use : node->output()->uses())
      patches = patches || (use.user->outputs().size() == 1 && flattened(use.user->output()));
    if (!patches)
      continue;
    const WithInsertPoint point(node->next());
    graph_->insertNode(graph_->create(c10::Symbol::fromQualString("netdissect::grid"), {node->output()}, 0));
  }
}

void HookedGraph::truncate() {
  // Which operations after the sinks may write to what they kept is asked of a copy without them, since to
  // the alias analysis a sink is a place where anything may happen.
  const std::shared_ptr<Graph> plain = graph_->copy();
  std::vector<std::pair<Node *, Node *>> nodes; // of the plain copy and of the graph
  auto twin = graph_->nodes().begin();
  for (Node *node : plain->nodes())
    nodes.emplace_back(node, *twin++);
  std::vector<Node *> sinks;
  collectSinks(plain->block(), sinks);
  ValueSet retained;
  bool hidden = false; // whether a wanted tensor is not known by itself
  for (Node *node : sinks) {
    retained.insert(node->input(0));
    hidden = hidden || toIValue(node->input(2))->toBool();
  }
  Node *last = nullptr; // the last node of the graph that is needed
  for (auto &[node, original] : nodes)
    if (holdsSink(original)) {
      last = original;
      if (node->kind() == sink())
        node = nullptr;
    }
  for (Node *node : sinks)
    node->destroy();
  const AliasDb aliases(plain);
  bool after = false;
  Node *end = last;
  for (const auto &[node, original] : nodes) {
    if (after && node && (hidden || aliases.writesToAlias(node, retained)))
      end = original;
    after = after || original == last;
  }

  Block *block = graph_->block();
  while (!block->outputs().empty())
    block->eraseOutput(0);
  std::vector<Node *> dead;
  for (Node *node = block->return_node()->prev(); node != end; node = node->prev())
    dead.push_back(node);
  for (Node *node : dead)
    node->destroy();
  const WithInsertPoint point(block->return_node());
  block->registerOutput(graph_->insertConstant(c10::IValue()));
}

std::vector<Capture> HookedGraph::run(const at::Tensor &input) {
  // The plain interpreter: profiling would make the first calls slow, and nothing is gained by fusing here.
  const GraphOptimizerEnabledGuard plain(false);
  const at::NoGradGuard noGradients;
  grids_.clear();
  Sink sink{parts_, atCall_, {}, {}, {}, grids_};
  sink.captures.resize(sites_.size());
  sink.counters.resize(sites_.size(), c10::VariableVersion(c10::VariableVersion::DISABLED));
  sink.versions.resize(sites_.size());
  Stack stack{model_._ivalue(), input};
  const auto &arguments = model_.get_method("forward").function().getSchema().arguments();
  for (size_t i = stack.size(); i < arguments.size(); i++)
    if (arguments[i].default_value())
      stack.push_back(*arguments[i].default_value());
  {
    const SinkScope scope(&sink);
    function_->run(stack);
  }
  for (size_t slot = 0; slot < sink.captures.size(); slot++)
    sink.captures[slot].changedInPlace = versionOf(sink.counters[slot]) != sink.versions[slot];
  return std::move(sink.captures);
}

} // namespace netdissect
