#include "model/follow.h"
#include <ATen/core/jit_type.h>
#include <algorithm>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

namespace netdissect {

using namespace torch::jit;

namespace {

const c10::Symbol same = c10::Symbol::fromQualString("netdissect::same");
const c10::Symbol done = c10::Symbol::fromQualString("netdissect::done");

const RegisterOperators registration({
    Operator(
        "netdissect::same(Any a, Any b) -> bool",
        [](Stack &stack) {
          const c10::IValue b = pop(stack), a = pop(stack);
          push(stack, a.is(b));
        },
        c10::AliasAnalysisKind::FROM_SCHEMA),
    // A future that has come; what is in it may be anything to the alias analysis.
    Operator(
        "netdissect::done(t x) -> Future(t)",
        [](Stack &stack) {
          c10::IValue value = pop(stack);
          auto future = c10::make_intrusive<c10::ivalue::Future>(value.type());
          future->markCompleted(std::move(value));
          push(stack, std::move(future));
        },
        c10::AliasAnalysisKind::CONSERVATIVE),
});

/// Which child of a list or dictionary of modules is taken; empty where only the run can tell.
std::string childName(const Node *index, const c10::IValue &container) {
  const auto key = toIValue(index->input(1));
  if (!key || !container.isObject())
    return "";
  if (key->isString())
    return key->toStringRef();
  if (!key->isInt())
    return "";
  int64_t at = key->toInt();
  if (at < 0)
    at += static_cast<int64_t>(Module(container.toObject()).children().size());
  return std::to_string(at);
}

/// The names that lead from the model's object to a module.
std::vector<std::string> split(const std::string &path) {
  std::vector<std::string> names(1);
  for (const char c : path)
    if (c == '.')
      names.emplace_back();
    else
      names.back() += c;
  return names;
}

/// Reads a module of the model by its path.
Value *moduleAt(Graph &graph, c10::IValue object, const std::string &path) {
  Value *value = graph.inputs()[0];
  for (const std::string &name : split(path)) {
    object = object.toObject()->getAttr(name);
    value = graph.insertGetAttr(value, name);
    value->setType(object.type()); // an interface's, where that is how the attribute was declared
  }
  return value;
}

} // namespace

bool attributeOf(const Value *value, const Value *self, const c10::IValue &model, c10::IValue &out) {
  if (value == self) {
    out = model;
    return true;
  }
  const Node *node = value->node();
  if (node->kind() == prim::unchecked_cast)
    return attributeOf(node->input(0), self, model, out);
  if (node->kind() != prim::GetAttr && node->kind() != prim::ModuleContainerIndex)
    return false;
  c10::IValue owner;
  if (!attributeOf(node->input(0), self, model, owner) || !owner.isObject())
    return false;
  const std::string name = node->kind() == prim::GetAttr ? node->s(attr::name) : childName(node, owner);
  if (name.empty() || !owner.type()->cast<c10::ClassType>()->findAttributeSlot(name))
    return false;
  out = owner.toObject()->getAttr(name);
  return true;
}

Value *givenToCaller(Node *call, const c10::ClassType &type) {
  Value *given = call->output();
  for (const Function *hook : type.getForwardHooks())
    for (const Use &use : given->uses()) {
      if (use.user->kind() != prim::CallFunction || use.offset != 3)
        continue;
      const auto function = use.user->input(0)->type()->cast<c10::FunctionType>();
      if (!function || function->function()->qualname() != hook->qualname())
        continue;
      if (use.user->output()->type()->kind() != c10::TypeKind::NoneType)
        given = use.user->output();
      break;
    }
  return given;
}

Node *branchByModule(Graph &graph, Node *call, const Module &model) {
  Value *object = call->input(0);
  const auto declared = object->type();
  const auto named = declared->cast<c10::NamedType>();
  if (!declared->is_module() || !named)
    return nullptr;
  std::string within; // the list of modules that it is taken from
  c10::IValue container;
  if (object->node()->kind() == prim::ModuleContainerIndex)
    attributeOf(object->node()->input(0), graph.inputs()[0], model._ivalue(), container);
  std::vector<std::string> paths;
  for (const auto &candidate : model.named_modules()) {
    if (container.isObject() && candidate.value._ivalue().get() == container.toObject().get())
      within = candidate.name + ".";
    if (!candidate.name.empty() && candidate.value.type()->isSubtypeOf(*declared))
      paths.push_back(candidate.name);
  }
  if (!within.empty())
    paths.erase(std::remove_if(paths.begin(), paths.end(),
                               [&](const std::string &path) {
                                 return path.rfind(within, 0) != 0 ||
                                        path.find('.', within.size()) != std::string::npos;
                               }),
                paths.end());
  if (paths.empty())
    return nullptr;

  const WithInsertPoint point(call);
  Node *const before = call->prev();
  Block *block = nullptr; // where the next branch goes; null: the place of the call
  Value *result = nullptr;
  const auto callIn = [&](Block *where, Value *self) {
    const WithInsertPoint inside(where);
    Node *copy = graph.insertNode(graph.createClone(call, [](Value *value) { return value; }));
    copy->replaceInput(0, self);
    where->registerOutput(copy->output());
  };
  for (const std::string &path : paths) {
    const WithInsertPoint here = block ? WithInsertPoint(block) : WithInsertPoint(call);
    Value *candidate = moduleAt(graph, model._ivalue(), path);
    Value *is = graph.insertNode(graph.create(same, {object, candidate}, 1))->output();
    is->setType(c10::BoolType::get());
    Node *branch = graph.insertNode(graph.create(prim::If, {is}, 1));
    branch->output()->setType(call->output()->type());
    if (block)
      block->registerOutput(branch->output());
    else
      result = branch->output();
    callIn(branch->addBlock(), candidate);
    block = branch->addBlock();
  }
  callIn(block, object);
  call->output()->replaceAllUsesWith(result);
  call->destroy();
  return before->next();
}

Node *inlineFork(Graph &graph, Node *fork) {
  Node *const before = fork->prev();
  const WithInsertPoint point(fork);
  Value *value = insertGraph(graph, *fork->g(attr::Subgraph), fork->inputs()).at(0);
  const std::vector<Use> uses(fork->output()->uses().begin(), fork->output()->uses().end());
  for (const Use &use : uses)
    if (use.user->kind() == aten::wait) {
      use.user->output()->replaceAllUsesWith(value);
      use.user->destroy();
    }
  if (!fork->output()->uses().empty()) {
    Value *future = graph.insertNode(graph.create(done, {value}, 1))->output();
    future->setType(fork->output()->type());
    fork->output()->replaceAllUsesWith(future);
  }
  fork->destroy();
  return before;
}

void useDevice(Graph &graph, Block *block, c10::Device device) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node *node = *it++;
    for (Block *inner : node->blocks())
      useDevice(graph, inner, device);
    const std::string kind = node->kind().toQualString();
    decltype(toIValue(node->output())) value; // of LibTorch's own kind before 2.1
    if (node->kind() == prim::Constant)
      value = toIValue(node->output());
    const bool named = (value && value->isDevice() && value->toDevice() != device &&
                        value->toDevice().type() != c10::DeviceType::Meta) ||
                       kind == "aten::device";
    const WithInsertPoint point(node);
    if (named)
      node->output()->replaceAllUsesWith(graph.insertConstant(device));
    else if (kind == "aten::cuda" && device.is_cpu())
      node->output()->replaceAllUsesWith(node->input(0));
  }
}

} // namespace netdissect
