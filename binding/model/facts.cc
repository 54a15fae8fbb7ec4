#include "model/facts.h"
#include "model/follow.h"
#include <algorithm>
#include <map>
#include <set>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/peephole.h>

namespace netdissect {

using namespace torch::jit;

namespace {

void foldAttributes(Graph &graph, Block *block, const c10::IValue &model) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node *node = *it++;
    for (Block *inner : node->blocks())
      foldAttributes(graph, inner, model);
    c10::IValue value;
    if (node->kind() != prim::GetAttr || !attributeOf(node->output(), graph.inputs()[0], model, value))
      continue;
    if (value.isInt() || value.isBool() || value.isDouble() || value.isNone() || value.isIntList() ||
        value.isString()) {
      const WithInsertPoint point(node);
      node->output()->replaceAllUsesWith(graph.insertConstant(value));
    }
  }
}

class Reader {
public:
  Reader(const HookedGraph &hooked) : model_(hooked.model()._ivalue()), graph_(foldedGraph(hooked)) {
    readArguments(hooked);
    if (graph_->inputs().size() > 1)
      images_.insert(graph_->inputs()[1]), derived_.insert(graph_->inputs()[1]);
    read(graph_->block());
    for (const auto &[what, places] : random_)
      facts_.random.push_back(what + (places > 1 ? " (" + std::to_string(places) + " places)" : ""));
    for (const auto &[what, places] : ofBatch_)
      facts_.ofBatch.push_back(what + (places > 1 ? " (" + std::to_string(places) + " places)" : ""));
  }
  Facts facts() && { return std::move(facts_); }

private:
  void readArguments(const HookedGraph &hooked) {
    std::string names;
    int64_t wanted = 0;
    const auto &arguments = hooked.model().get_method("forward").function().getSchema().arguments();
    for (size_t i = 1; i < arguments.size(); i++) {
      if (arguments[i].default_value())
        continue;
      wanted++;
      names += (names.empty() ? "" : ", ") + arguments[i].name() + ": " + arguments[i].type()->str();
      const auto &type = *arguments[i].type();
      if (!c10::TensorType::get()->isSubtypeOf(type))
        facts_.input = "other";
    }
    if (wanted != 1 && arguments.size() == 1)
      facts_.input = "no input";
    else if (wanted > 1 || !facts_.input.empty())
      facts_.input = "(" + names + ")";
  }

  bool isTrue(Node *node, size_t input) const {
    if (node->inputs().size() <= input)
      return false;
    const auto value = toIValue(node->input(input));
    return value && value->isBool() && value->toBool();
  }

  /// Whether a dropout's rate is over 0.
  static bool drops(Node *node, size_t input) {
    const auto rate = toIValue(node->input(input));
    return !rate || !rate->isDouble() || rate->toDouble() > 0;
  }

  void judge(Node *node, const std::string &kind) {
    static const std::set<std::string> dropouts{"aten::dropout",
                                                "aten::dropout_",
                                                "aten::feature_dropout",
                                                "aten::feature_dropout_",
                                                "aten::alpha_dropout",
                                                "aten::alpha_dropout_",
                                                "aten::feature_alpha_dropout",
                                                "aten::feature_alpha_dropout_",
                                                "aten::native_dropout"};
    static const std::set<std::string> draws{
        "aten::bernoulli",  "aten::bernoulli_",  "aten::rand",         "aten::rand_like",    "aten::randn",
        "aten::randn_like", "aten::randint",     "aten::randint_like", "aten::normal",       "aten::normal_",
        "aten::uniform_",   "aten::multinomial", "aten::random_",      "aten::exponential_", "aten::poisson"};
    static const std::set<std::string> memory{"aten::as_strided", "aten::as_strided_",   "aten::set_",
                                              "aten::stride",     "aten::is_contiguous", "aten::resize_"};
    if (dropouts.count(kind) && isTrue(node, 2) && drops(node, 1))
      random_["dropout that drops"]++;
    else if (kind == "aten::scaled_dot_product_attention" && node->inputs().size() > 4 &&
             toIValue(node->input(4)) && drops(node, 4))
      random_["attention with dropout"]++;
    else if ((kind == "aten::rrelu" || kind == "aten::rrelu_") && isTrue(node, 3))
      random_["rrelu in training mode"]++;
    else if (draws.count(kind))
      random_["random numbers (" + kind + ")"]++;
    else if (kind == "aten::batch_norm" && isTrue(node, 5)) {
      const auto running = toIValue(node->input(3));
      c10::IValue value;
      const bool none = (running && running->isNone()) ||
                        (attributeOf(node->input(3), graph_->inputs()[0], model_, value) && value.isNone());
      (none ? ofBatch_["batch normalisation without running statistics"]
            : random_["batch normalisation by the batch's own statistics"])++;
    }
    facts_.readsMemory = facts_.readsMemory || memory.count(kind) > 0;
  }

  at::Tensor tensorOf(const Value *value) const {
    c10::IValue tensor;
    if (const auto constant = toIValue(value))
      tensor = *constant;
    else if (!attributeOf(value, graph_->inputs()[0], model_, tensor))
      return {};
    return tensor.isTensor() ? tensor.toTensor() : at::Tensor();
  }

  /// Follows the images up to the first operation with weights.
  void readInput(Node *node, const std::string &kind) {
    static const std::set<std::string> casts{"aten::to",     "aten::float",   "aten::half",
                                             "aten::double", "aten::type_as", "aten::bfloat16"};
    static const std::set<std::string> keeping{"aten::sub",
                                               "aten::sub_",
                                               "aten::add",
                                               "aten::add_",
                                               "aten::mul",
                                               "aten::mul_",
                                               "aten::div",
                                               "aten::div_",
                                               "aten::clone",
                                               "aten::detach",
                                               "aten::pad",
                                               "aten::contiguous",
                                               "aten::clamp",
                                               "aten::relu",
                                               "aten::relu_",
                                               "aten::alias",
                                               "aten::reflection_pad2d",
                                               "aten::max_pool2d",
                                               "aten::avg_pool2d",
                                               "aten::constant_pad_nd",
                                               "aten::batch_norm"};
    if (found_ || std::none_of(node->inputs().begin(), node->inputs().end(),
                               [&](Value *input) { return images_.count(input) > 0; }))
      return;
    if (casts.count(kind)) {
      found_ = true;
      return;
    }
    const bool convolution =
        kind == "aten::_convolution" || kind == "aten::conv2d" || kind == "aten::convolution";
    if (convolution || kind == "aten::linear") {
      found_ = true;
      const at::Tensor weight = tensorOf(node->input(1));
      if (!weight.defined() || !images_.count(node->input(0)) || !weight.is_floating_point())
        return;
      facts_.inputType = weight.scalar_type();
      decltype(toIValue(node->output())) groups; // of LibTorch's own kind before 2.1
      if (convolution)
        groups = toIValue(node->input(kind == "aten::conv2d" ? 6 : 8));
      if (groups && groups->isInt() && weight.dim() == 4 && channelsKept_)
        facts_.channels = weight.size(1) * groups->toInt();
      return;
    }
    for (Value *output : node->outputs()) {
      const auto type = output->type()->kind();
      if (type != c10::TypeKind::TensorType && type != c10::TypeKind::ListType &&
          type != c10::TypeKind::TupleType)
        continue;
      if (type == c10::TypeKind::ListType &&
          output->type()->cast<c10::ListType>()->getElementType()->kind() != c10::TypeKind::TensorType)
        continue;
      images_.insert(output);
      channelsKept_ = channelsKept_ && keeping.count(kind);
    }
  }

  /// Whether a value is made of the images' values, not of their shapes alone.
  void readDerived(Node *node, const std::string &kind) {
    static const std::set<std::string> shapes{"aten::size",      "aten::zeros_like", "aten::ones_like",
                                              "aten::new_zeros", "aten::new_ones",   "aten::empty_like",
                                              "aten::new_empty", "aten::new_full",   "aten::full_like"};
    static const std::set<std::string> ofFirst{"aten::expand_as", "aten::type_as", "aten::to",
                                               "aten::view_as", "aten::reshape_as"};
    if (shapes.count(kind))
      return;
    const size_t count = ofFirst.count(kind) ? 1 : node->inputs().size();
    bool derived = false;
    for (size_t i = 0; i < count; i++)
      derived = derived || derived_.count(node->input(i)) > 0;
    for (Value *output : node->outputs()) {
      const auto type = output->type()->kind();
      if (derived && type != c10::TypeKind::IntType && type != c10::TypeKind::BoolType &&
          type != c10::TypeKind::FloatType)
        derived_.insert(output);
    }
  }

  /// How many tokens a tensor of parameters puts into each image's sequence; -1 where that is not plain.
  int64_t tokensOf(const Value *value) const {
    static const std::set<std::string> passing{"aten::expand",  "aten::expand_as", "aten::repeat", "aten::to",
                                               "aten::type_as", "aten::unsqueeze", "aten::add"};
    const at::Tensor tensor = tensorOf(value);
    if (tensor.defined())
      return tensor.dim() == 3 ? tensor.size(1) : tensor.dim() == 2 ? tensor.size(0) : 1;
    const Node *node = value->node();
    return passing.count(node->kind().toQualString()) ? tokensOf(node->input(0)) : -1;
  }

  void readTokens(Node *node, const std::string &kind) {
    if (kind == "aten::add" || kind == "aten::add_")
      for (size_t i = 0; i < 2; i++)
        if (const at::Tensor table = tensorOf(node->input(i));
            table.defined() && table.dim() == 3 && table.size(1) > 1)
          facts_.positions.push_back(table.size(1));
    if (kind != "aten::cat" || node->input(0)->node()->kind() != prim::ListConstruct)
      return;
    const auto dim = toIValue(node->input(1));
    if (!dim || !dim->isInt() || (dim->toInt() != 1 && dim->toInt() != -2))
      return;
    int64_t before = 0, after = 0;
    int parts = 0;
    bool others = false, plain = true;
    for (const Value *part : node->input(0)->node()->inputs()) {
      if (derived_.count(part)) {
        parts++;
        continue;
      }
      others = true;
      const int64_t count = tokensOf(part);
      plain = plain && count > 0;
      (parts ? after : before) += count;
    }
    if (!others)
      return;
    facts_.tokensPlain = facts_.tokensPlain && plain && parts == 1;
    facts_.tokensBefore += before;
    facts_.tokensAfter += after;
  }

  void read(Block *block) {
    for (Node *node : block->nodes()) {
      const std::string kind = node->kind().toQualString();
      judge(node, kind);
      readDerived(node, kind);
      readTokens(node, kind);
      if (node->blocks().empty())
        readInput(node, kind);
      for (Block *inner : node->blocks())
        read(inner);
      for (Block *inner : node->blocks())
        for (size_t i = 0; i < node->outputs().size() && i < inner->outputs().size(); i++)
          for (auto *values : {&images_, &derived_})
            if (values->count(inner->outputs()[i]))
              values->insert(node->outputs()[i]);
    }
  }

  c10::IValue model_;
  std::shared_ptr<Graph> graph_;
  Facts facts_;
  std::map<std::string, int> random_, ofBatch_; // what -> in how many places
  std::set<const Value *> images_;              // values that are the images, more or less
  std::set<const Value *> derived_;             // values that are made of theirs
  bool found_ = false, channelsKept_ = true;
};

} // namespace

std::shared_ptr<Graph> foldedGraph(const HookedGraph &hooked) {
  std::shared_ptr<Graph> graph = hooked.graph()->copy();
  foldAttributes(*graph, graph->block(), hooked.model()._ivalue());
  for (int round = 0; round < 2; round++) {
    PeepholeOptimize(graph);
    ConstantPropagation(graph);
  }
  EliminateDeadCode(graph);
  return graph;
}

Facts factsOf(const HookedGraph &hooked) { return Reader(hooked).facts(); }

} // namespace netdissect
