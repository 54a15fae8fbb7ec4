#include "model/geometry.h"
#include "model/facts.h"
#include "model/follow.h"
#include <algorithm>
#include <set>
#include <torch/csrc/jit/ir/constants.h>
#include <unordered_map>

namespace netdissect {

using namespace torch::jit;

namespace {

Geometry unknown(const std::string &reason) {
  Geometry geometry;
  geometry.reason = reason;
  return geometry;
}

/// A window of (kernel, stride, padding, dilation) after `input`.
struct Window {
  std::vector<int64_t> kernel, stride, padding, dilation;
};

class GeometryReader {
public:
  GeometryReader(const HookedGraph &hooked, size_t slots)
      : model_(hooked.model()._ivalue()), graph_(foldedGraph(hooked)),
        slots_(slots, unknown("it is never called")) {
    Geometry image;
    image.known = true;
    known_[graph_->inputs()[1]] = image;
    walk(graph_->block(), false);
  }
  std::vector<Geometry> slots() && { return std::move(slots_); }

private:
  bool ints(Value *value, std::vector<int64_t> &out) const {
    out.clear();
    if (const auto constant = toIValue(value)) {
      if (constant->isIntList())
        out = constant->toIntVector();
      else if (constant->isInt())
        out = {constant->toInt()};
      else
        return false;
      return true;
    }
    while (value->node()->kind() == prim::unchecked_cast)
      value = value->node()->input();
    if (value->node()->kind() != prim::ListConstruct)
      return false;
    for (Value *item : value->node()->inputs()) {
      const auto constant = toIValue(item);
      if (!constant || !constant->isInt())
        return false;
      out.push_back(constant->toInt());
    }
    return true;
  }

  bool kernelOf(Value *weight, std::vector<int64_t> &out) const {
    c10::IValue value;
    if (const auto constant = toIValue(weight))
      value = *constant;
    else if (!attributeOf(weight, graph_->inputs()[0], model_, value))
      return false;
    if (!value.isTensor() || value.toTensor().dim() != 4)
      return false;
    out = {value.toTensor().size(2), value.toTensor().size(3)};
    return true;
  }

  static Geometry through(Geometry geometry, Window window) {
    if (window.stride.empty())
      window.stride = window.kernel;
    for (auto *values : {&window.kernel, &window.stride, &window.padding, &window.dilation})
      if (values->size() == 1)
        values->push_back((*values)[0]);
    for (int side = 0; side < 2; side++) {
      const double extent = static_cast<double>(window.dilation[side] * (window.kernel[side] - 1));
      geometry.offset[side] +=
          (extent / 2 - static_cast<double>(window.padding[side])) * geometry.scale[side];
      geometry.scale[side] *= static_cast<double>(window.stride[side]);
    }
    return geometry;
  }

  /// What a node makes of the one geometry that its inputs share.
  Geometry after(Node *node, const Geometry &input) const {
    static const std::set<std::string> keeping{"aten::relu",
                                               "aten::relu_",
                                               "aten::relu6",
                                               "aten::relu6_",
                                               "aten::leaky_relu",
                                               "aten::leaky_relu_",
                                               "aten::prelu",
                                               "aten::elu",
                                               "aten::elu_",
                                               "aten::celu",
                                               "aten::selu",
                                               "aten::gelu",
                                               "aten::silu",
                                               "aten::silu_",
                                               "aten::mish",
                                               "aten::hardswish",
                                               "aten::hardswish_",
                                               "aten::hardsigmoid",
                                               "aten::hardtanh",
                                               "aten::hardtanh_",
                                               "aten::softplus",
                                               "aten::sigmoid",
                                               "aten::sigmoid_",
                                               "aten::tanh",
                                               "aten::tanh_",
                                               "aten::clamp",
                                               "aten::clamp_",
                                               "aten::clamp_min",
                                               "aten::abs",
                                               "aten::neg",
                                               "aten::exp",
                                               "aten::sqrt",
                                               "aten::pow",
                                               "aten::threshold",
                                               "aten::threshold_",
                                               "aten::batch_norm",
                                               "aten::instance_norm",
                                               "aten::group_norm",
                                               "aten::dropout",
                                               "aten::dropout_",
                                               "aten::feature_dropout",
                                               "aten::add",
                                               "aten::add_",
                                               "aten::sub",
                                               "aten::sub_",
                                               "aten::mul",
                                               "aten::mul_",
                                               "aten::div",
                                               "aten::div_",
                                               "aten::rsub",
                                               "aten::cat",
                                               "aten::contiguous",
                                               "aten::clone",
                                               "aten::detach",
                                               "aten::to",
                                               "aten::alias",
                                               "prim::ListConstruct",
                                               "prim::TupleConstruct",
                                               "prim::unchecked_cast",
                                               "prim::TupleUnpack",
                                               "prim::ListUnpack"};
    const std::string kind = node->kind().toQualString();
    Window window;
    if (kind == "aten::_convolution" || kind == "aten::conv2d" || kind == "aten::convolution") {
      if (kind != "aten::conv2d") {
        const auto transposed = toIValue(node->input(6));
        if (!transposed || !transposed->isBool() || transposed->toBool())
          return unknown("a transposed convolution lies before it");
      }
      if (!kernelOf(node->input(1), window.kernel) || !ints(node->input(3), window.stride) ||
          !ints(node->input(5), window.dilation))
        return unknown("a convolution before it has settings that are not fixed");
      if (!ints(node->input(4), window.padding)) {
        const auto name = toIValue(node->input(4)); // 'valid' or 'same'
        if (!name || !name->isString() || name->toStringRef() != "valid")
          return unknown("a convolution before it has padding that is not given as numbers");
        window.padding = {0};
      }
      return through(input, window);
    }
    if (kind == "aten::max_pool2d" || kind == "aten::avg_pool2d") {
      if (!ints(node->input(1), window.kernel) || !ints(node->input(2), window.stride) ||
          !ints(node->input(3), window.padding))
        return unknown("a pooling before it has settings that are not fixed");
      if (kind == "aten::avg_pool2d")
        window.dilation = {1};
      else if (!ints(node->input(4), window.dilation))
        return unknown("a pooling before it has settings that are not fixed");
      return through(input, window);
    }
    if (keeping.count(kind))
      return input;
    return unknown("the operation " + kind + " lies before it");
  }

  void walk(Block *block, bool repeated) {
    // Questions about a tensor, whose answers are no maps.
    static const std::set<std::string> asking{"aten::size",
                                              "aten::dim",
                                              "aten::len",
                                              "aten::numel",
                                              "prim::dtype",
                                              "prim::device",
                                              "aten::is_floating_point",
                                              "aten::sum",
                                              "aten::mean"};
    for (Node *node : block->nodes()) {
      const std::string kind = node->kind().toQualString();
      if (node->kind() == HookedGraph::sink()) {
        const auto at = known_.find(node->input(0));
        Geometry geometry = at == known_.end()
                                ? unknown("its output does not come from the image by known operations")
                                : at->second;
        if (repeated)
          geometry = unknown("it is called in a loop or a branch");
        slots_[toIValue(node->input(1))->toInt()] = geometry;
        continue;
      }
      if (!node->blocks().empty()) {
        for (Block *inner : node->blocks())
          walk(inner, true);
        for (Value *output : node->outputs())
          known_[output] = unknown("a loop or a branch lies before it");
        continue;
      }
      if ((kind == "aten::sum" || kind == "aten::mean") && node->inputs().size() > 2) {
        // over some dimensions: its output could be taken for a map
      } else if (asking.count(kind))
        continue;
      const Geometry *input = nullptr;
      bool agree = true;
      for (Value *value : node->inputs()) {
        const auto at = known_.find(value);
        if (at == known_.end())
          continue;
        if (!input)
          input = &at->second;
        else if (!at->second.known)
          input = &at->second;
        else if (input->known && (input->scale != at->second.scale || input->offset != at->second.offset))
          agree = false;
      }
      if (!input)
        continue;
      const Geometry result = !input->known ? *input
                              : !agree      ? unknown("branches of different geometry meet before it")
                                            : after(node, *input);
      for (Value *output : node->outputs())
        known_[output] = result;
    }
  }

  c10::IValue model_;
  std::shared_ptr<Graph> graph_;
  std::unordered_map<const Value *, Geometry> known_;
  std::vector<Geometry> slots_;
};

} // namespace

std::vector<Geometry> layerGeometry(const HookedGraph &hooked, size_t slots) {
  return GeometryReader(hooked, slots).slots();
}

} // namespace netdissect
