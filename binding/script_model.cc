#include "script_model.h"
#include "failure.h"
#include "geometry.h"
#include "kernels.h"
#include "parallel.h"
#include "retain.h"
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <caffe2/serialize/inline_container.h>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/cuda.h>
#include <torch/version.h>

namespace netdissect {

namespace {

size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::vector<std::string> names, const std::string &wish) {
  std::stable_sort(names.begin(), names.end(), [&](const std::string &a, const std::string &b) {
    return editDistance(a, wish) < editDistance(b, wish);
  });
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(3, names.size()); i++)
    list += (i ? ", " : "") + names[i];
  return list;
}

std::string shapeOf(const at::Tensor &tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

/// What a file that did not load is, as far as it can be told.
std::string diagnose(const std::string &path, const std::string &message) {
  std::string head(4, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), 4);
  if (head.compare(0, 4, "PK\3\4") != 0)
    return "it is no TorchScript file (a zip archive); export the model with torch.jit.trace or "
           "torch.jit.script "
           "and .save()";
  try {
    caffe2::serialize::PyTorchStreamReader reader(path);
    if (reader.hasRecord("constants.pkl"))
      return message;
    if (reader.hasRecord("data.pkl"))
      return "it holds a state dict or another pickled object (torch.save), not a TorchScript model; export "
             "the "
             "model with torch.jit.trace or torch.jit.script and .save()";
    return "it is an archive, but none of TorchScript; export the model with torch.jit.trace or "
           "torch.jit.script "
           "and .save()";
  } catch (const std::exception &) {
    return "it is damaged or cut off; copy or export it again";
  }
}

/// A layer's output as maps [count, units, height, width].
struct Maps {
  at::Tensor tensor;
  int tokensDropped = 0;
  bool unitsLast = false;
};

/// The grid of a sequence of tokens, and how many tokens come before it; rows is 0 where there is none.
struct TokenGrid {
  int64_t dropped = 0, rows = 0, columns = 0;
};

/// Tokens are the patches of an image. Unasked they count as a map only where that is plain: at least 2 × 2
/// patches of whole pixels that cover the image, after at most 8 tokens of another kind (class, distillation,
/// registers).
TokenGrid tokenGrid(int64_t tokens, int wish, int64_t height, int64_t width) {
  constexpr int64_t mostOthers = 8;
  const bool detect = wish == RetainOptions::detectTokens;
  for (int64_t dropped = detect ? 0 : wish; dropped <= (detect ? mostOthers : wish); dropped++) {
    const int64_t count = tokens - dropped;
    for (int64_t patch = 1; count > 0 && patch <= std::min(height, width); patch++)
      if ((!detect || (height % patch == 0 && width % patch == 0 && 2 * patch <= std::min(height, width))) &&
          (height / patch) * (width / patch) == count)
        return {dropped, height / patch, width / patch};
    const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(count))));
    if (!detect && count > 0 && height == width && side * side == count)
      return {dropped, side, side};
  }
  return {};
}

/// Whether rows and columns can be an image's at one stride, rounded up or down.
bool fitsImage(int64_t rows, int64_t columns, const Images &images) {
  if (images.height == images.width)
    return rows == columns;
  const auto stride = [](int64_t pixels, int64_t cells) {
    return cells ? static_cast<double>(pixels) / static_cast<double>(cells) : INFINITY;
  };
  return std::max(stride(images.height, rows + 1), stride(images.width, columns + 1)) <=
         std::min(stride(images.height, rows - 1), stride(images.width, columns - 1));
}

/// Whether an output of four dimensions has its units last. Unasked they are only where the shape leaves no
/// doubt: the last two dimensions cannot be an image's height and width, the two before the last can, and
/// there is more than one unit.
bool hasUnitsLast(const at::Tensor &output, Layout wish, const Images &images) {
  if (wish != Layout::detect)
    return wish == Layout::unitsLast;
  return output.size(3) > 1 && !fitsImage(output.size(2), output.size(3), images) &&
         fitsImage(output.size(1), output.size(2), images);
}

/// The captured output as float32 maps, or why it has none.
std::string mapsOf(const c10::IValue &value, const Images &images, const RetainOptions &options,
                   Maps &result) {
  const int tokens = options.tokens;
  if (value.isNone())
    return "it has no output: tracing keeps nothing of a layer that gives back its input; choose the layer "
           "before it, or script the model";
  if (value.isTuple() || value.isList()) {
    const size_t size = value.isTuple() ? value.toTuple()->elements().size() : value.toListRef().size();
    return "its output is a " + std::string(value.isTuple() ? "tuple" : "list") + " of " +
           std::to_string(size) + "; name one of its tensors, as in NAME[0]";
  }
  if (!value.isTensor() || !value.toTensor().defined())
    return "its output is no tensor but " + value.tagKind();
  at::Tensor maps = value.toTensor();
  if (maps.is_sparse() || maps.is_quantized() || maps.is_complex())
    return "its output is a sparse, quantised or complex tensor";
  if (!maps.is_floating_point())
    return "its output holds whole numbers (" + std::string(c10::toString(maps.scalar_type())) +
           "), not activations";
  if (maps.dim() == 4 && maps.numel() > 0 && hasUnitsLast(maps, options.layout, images)) {
    result.unitsLast = true;
    maps = maps.permute({0, 3, 1, 2});
  }
  if (maps.dim() == 2)
    maps = maps.unsqueeze(2).unsqueeze(3);
  if (maps.dim() == 3 && maps.size(0) == images.count && tokens != RetainOptions::noTokens) {
    const TokenGrid grid = tokenGrid(maps.size(1), tokens, images.height, images.width);
    if (!grid.rows)
      return "its output has the shape " + shapeOf(maps) + ", whose " + std::to_string(maps.size(1)) +
             " tokens" + (tokens > 0 ? " less " + std::to_string(tokens) : "") +
             " are no grid of patches of an image of " + std::to_string(images.height) + "×" +
             std::to_string(images.width) + " pixels" +
             (tokens == RetainOptions::detectTokens ? "; say with tokens how many come before the patches"
                                                    : "");
    result.tokensDropped = static_cast<int>(grid.dropped);
    maps = maps.slice(1, grid.dropped)
               .contiguous()
               .view({maps.size(0), grid.rows, grid.columns, maps.size(2)})
               .permute({0, 3, 1, 2});
  }
  if (maps.dim() != 4 || maps.size(0) != images.count || maps.numel() == 0)
    return "its output has the shape " + shapeOf(value.toTensor()) +
           "; [images, units, height, width], [images, units] or [images, tokens, units] can be dissected";
  result.tensor = maps;
  return "";
}

/// A layer's name and the part of its output that is meant: `blocks.1[0]`.
std::pair<std::string, std::vector<int64_t>> parseLayer(std::string name) {
  std::vector<int64_t> part;
  while (!name.empty() && name.back() == ']') {
    const size_t open = name.rfind('[');
    const std::string index = open == std::string::npos ? "" : name.substr(open + 1, name.size() - open - 2);
    if (index.empty() || index.size() > 4 || !std::all_of(index.begin(), index.end(), ::isdigit))
      break;
    part.insert(part.begin(), std::stoll(index));
    name.resize(open);
  }
  return {name, part};
}

const std::map<std::string, at::ScalarType> &scalarTypes() {
  static const std::map<std::string, at::ScalarType> types{
      {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
      {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},  {"int8", at::kChar},
      {"uint8", at::kByte},    {"bool", at::kBool}};
  return types;
}

std::string nameOf(at::ScalarType type) {
  for (const auto &[name, scalarType] : scalarTypes())
    if (scalarType == type)
      return name;
  return c10::toString(type);
}

/// The batch as float32 [count, channels, height, width], channels last in memory.
at::Tensor inputTensor(const Images &images) {
  const std::vector<int64_t> shape{images.count, images.channels, images.height, images.width};
  if (images.floats) // a copy in any case: a model may change its input
    return at::from_blob(const_cast<float *>(images.floats), shape, at::kFloat)
        .clone(at::MemoryFormat::ChannelsLast);
  // Bytes come channels last, which is also the faster layout: only the numbers are converted, by a table of
  // what float32 arithmetic makes of each byte.
  float table[3][256];
  for (int c = 0; c < 3; c++)
    for (int v = 0; v < 256; v++)
      table[c][v] = (static_cast<float>(v) / 255.0f - images.mean[c]) / images.deviation[c];
  at::Tensor input =
      at::empty(shape, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  float *out = input.data_ptr<float>();
  const int64_t row = images.width * 3;
  parallelFor(images.count * images.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * row; i < end * row; i += 3)
      for (int c = 0; c < 3; c++)
        out[i + c] = table[c][images.bytes[i + c]];
  });
  return input;
}

/// Lays the weights of convolutions out as their inputs are, which would otherwise be done anew in every
/// forward.
void layOut(const torch::jit::Module &model, at::MemoryFormat format) {
  const at::NoGradGuard noGradients;
  for (at::Tensor parameter : model.parameters())
    if (parameter.dim() == 4)
      parameter.set_data(parameter.contiguous(format));
}

/// Runs a model. Channels-last input is the faster layout, but a model may look at its tensors' memory
/// (`view`) in a way that only the plain layout allows: `channelsLast` says which it takes, and learns it.
std::vector<Capture> runModel(HookedGraph &hooked, const Images &images, at::Device device,
                              bool &channelsLast) {
  const at::Tensor input = inputTensor(images).to(device);
  if (channelsLast)
    try {
      return hooked.run(input);
    } catch (const std::exception &) {
      channelsLast = false; // unless this fails, too
    }
  try {
    return hooked.run(
        inputTensor(images).to(device).contiguous()); // the first run may have changed the other
  } catch (const std::exception &error) {
    channelsLast = true;
    throw Failure("ERR_NETDISSECT_FORWARD", "the model fails on images of " + std::to_string(images.height) +
                                                "×" + std::to_string(images.width) + ": " +
                                                cleanMessage(error) +
                                                "; choose the size that it was made for");
  }
}

/// Why a layer has no call in the graph.
std::string whyUncalled(const HookedGraph &hooked, size_t slot) {
  if (const std::string &method = hooked.otherMethod(slot); !method.empty())
    return "has no output: the model calls its method " + method + ", never its forward";
  if (const std::string &call = hooked.unfollowed(); !call.empty())
    return "may be called by " + call + ", a call that cannot be followed";
  return "is never called";
}

class TorchForward : public RetainedForward {
public:
  TorchForward(torch::jit::Module model, at::Device device, bool &channelsLast, std::vector<Wanted> wanted,
               std::vector<std::string> names, const RetainOptions &options)
      : device_(device), channelsLast_(channelsLast), names_(std::move(names)), options_(options),
        hooked_(std::move(model), device, std::move(wanted), true, options.atCall) {
    for (size_t i = 0; i < names_.size(); i++)
      if (!hooked_.sites(i))
        throw Failure("ERR_NETDISSECT_LAYER",
                      "layer '" + names_[i] + "' " + whyUncalled(hooked_, i) + "; choose another layer");
  }

  void run(const Images &images) override {
    images_ = images;
    captures_ = runModel(hooked_, images, device_, channelsLast_);
  }

  std::vector<Activation> take() override {
    std::vector<Activation> activations;
    for (size_t i = 0; i < captures_.size(); i++) {
      if (!captures_[i].calls)
        throw Failure("ERR_NETDISSECT_LAYER",
                      "layer '" + names_[i] + "' was not called on this input (control flow)");
      Maps maps;
      const std::string refusal = captures_[i].lacksPart && captures_[i].value.isTensor()
                                      ? "it gives one tensor, not several; leave out the index"
                                      : mapsOf(captures_[i].value, images_, options_, maps);
      if (!refusal.empty())
        throw Failure("ERR_NETDISSECT_LAYER", "layer '" + names_[i] + "' cannot be dissected: " + refusal);
      at::Tensor values = maps.tensor.to(at::Device(at::kCPU), at::kFloat);
      const bool unitsLast = !values.is_contiguous() && values.is_contiguous(at::MemoryFormat::ChannelsLast);
      if (!unitsLast)
        values = values.contiguous();
      const auto owner = std::make_shared<at::Tensor>(std::move(values));
      Activation activation;
      activation.values = owner->data_ptr<float>();
      activation.unitsLast = unitsLast;
      activation.count = owner->size(0);
      activation.units = owner->size(1);
      activation.height = static_cast<int>(owner->size(2));
      activation.width = static_cast<int>(owner->size(3));
      activation.tokensDropped = maps.tokensDropped;
      activation.outputUnitsLast = maps.unitsLast;
      activation.changedInPlace = captures_[i].changedInPlace;
      activation.owner = owner;
      activations.push_back(std::move(activation));
      captures_[i] = {};
    }
    return activations;
  }

  Geometry geometry(size_t layer) override { return layerGeometry(hooked_, names_.size())[layer]; }

private:
  at::Device device_;
  bool &channelsLast_; // the model's
  std::vector<std::string> names_;
  RetainOptions options_;
  HookedGraph hooked_;
  Images images_; // of the last run; their pixels may be gone
  std::vector<Capture> captures_;
};

class TorchModel : public ScriptModel {
public:
  TorchModel(torch::jit::Module model, at::Device device) : model_(std::move(model)), device_(device) {}

  std::string device() const override { return device_.str(); }

  std::vector<LayerInfo> layers(int64_t channels, int64_t height, int64_t width,
                                const RetainOptions &options) override {
    const auto named = named_modules();
    std::vector<Wanted> modules;
    for (const auto &[name, module] : named)
      modules.push_back({module, {}});
    HookedGraph hooked(model_, device_, modules, false);
    const std::vector<float> zeros(channels * height * width);
    Images image;
    image.floats = zeros.data();
    image.count = 1;
    image.channels = channels;
    image.height = height;
    image.width = width;
    const std::vector<Capture> captures = runModel(hooked, image, device_, channelsLast_);
    const std::vector<Geometry> geometries = layerGeometry(hooked, named.size());
    std::vector<LayerInfo> result;
    for (size_t i = 0; i < named.size(); i++) {
      LayerInfo info;
      info.name = named[i].first;
      info.type = className(named[i].second);
      info.calls = captures[i].calls;
      info.changedInPlace = captures[i].changedInPlace;
      info.geometry = geometries[i];
      if (!info.calls)
        info.refusal = "it " + (hooked.sites(i) ? "is not called on this input" : whyUncalled(hooked, i));
      else {
        Maps maps;
        info.refusal = mapsOf(captures[i].value, image, options, maps);
        info.output = captures[i].value.isTensor() ? shapeOf(captures[i].value.toTensor())
                                                   : captures[i].value.tagKind();
        if (info.refusal.empty()) {
          info.units = maps.tensor.size(1);
          info.height = static_cast<int>(maps.tensor.size(2));
          info.width = static_cast<int>(maps.tensor.size(3));
          info.tokensDropped = maps.tokensDropped;
          info.unitsLast = maps.unitsLast;
        }
      }
      result.push_back(std::move(info));
    }
    return result;
  }

  std::unique_ptr<RetainedForward> retain(const std::vector<std::string> &layers,
                                          const RetainOptions &options) override {
    const auto named = named_modules();
    std::vector<std::string> names;
    for (const auto &[name, module] : named)
      names.push_back(name);
    std::vector<Wanted> wanted;
    for (const std::string &layer : layers) {
      auto [module, part] = parseLayer(layer);
      const auto at = std::find(names.begin(), names.end(), module);
      if (at == names.end())
        throw Failure("ERR_NETDISSECT_LAYER", "the model has no layer '" + layer +
                                                  "'; the nearest names are " + nearest(names, module));
      wanted.push_back({named[at - names.begin()].second, std::move(part)});
    }
    return std::make_unique<TorchForward>(model_, device_, channelsLast_, std::move(wanted), layers, options);
  }

  std::vector<ParameterInfo> parameters() const override {
    std::vector<ParameterInfo> result;
    for (const auto &parameter : model_.named_parameters())
      result.push_back(infoOf(parameter.name, parameter.value, false));
    for (const auto &buffer : model_.named_buffers())
      result.push_back(infoOf(buffer.name, buffer.value, true));
    return result;
  }

  void setParameter(const std::string &name, const std::string &dtype, const void *data,
                    size_t bytes) override {
    const auto type = scalarTypes().find(dtype);
    if (type == scalarTypes().end())
      throw Failure("ERR_NETDISSECT_CHECKPOINT", "no tensor of type " + dtype + " can be loaded");
    if (tensors_.empty()) {
      for (const auto &parameter : model_.named_parameters())
        tensors_.emplace(parameter.name, parameter.value);
      for (const auto &buffer : model_.named_buffers())
        tensors_.emplace(buffer.name, buffer.value);
    }
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      throw Failure("ERR_NETDISSECT_CHECKPOINT", "the model has no parameter " + name);
    at::Tensor &target = found->second;
    if (bytes != static_cast<size_t>(target.numel()) * c10::elementSize(type->second))
      throw Failure("ERR_NETDISSECT_CHECKPOINT", "the values of " + name + " do not fit its shape " +
                                                     shapeOf(target) + ": they take " +
                                                     std::to_string(bytes) + " bytes");
    const at::NoGradGuard noGradients;
    target.copy_(at::from_blob(const_cast<void *>(data), target.sizes(), type->second));
  }

private:
  std::vector<std::pair<std::string, torch::jit::Module>> named_modules() const {
    auto named = submodules(model_);
    if (named.empty())
      throw Failure(
          "ERR_NETDISSECT_MODEL",
          "the model has no named layers left: it was frozen (torch.jit.freeze or optimize_for_inference) "
          "or is one operation only; export it without freezing");
    return named;
  }

  static ParameterInfo infoOf(const std::string &name, const at::Tensor &tensor, bool buffer) {
    return {name, nameOf(tensor.scalar_type()), tensor.sizes().vec(), buffer};
  }

  torch::jit::Module model_;
  at::Device device_;
  bool channelsLast_ = true;                  // see runModel
  std::map<std::string, at::Tensor> tensors_; // parameters and buffers, once one is set
};

} // namespace

std::unique_ptr<ScriptModel> ScriptModel::load(const std::string &path, const std::string &device) {
  const bool cuda = cudaAvailable();
  if (device == "cuda" && !cuda)
    throw Failure("ERR_NETDISSECT_DEVICE",
                  "no CUDA device can be used: there is no driver, or this LibTorch is a "
                  "CPU build; leave the device out, or choose cpu");
  const at::Device target(device != "cpu" && cuda ? at::kCUDA : at::kCPU);
  try {
    torch::jit::Module model = torch::jit::load(path, at::Device(at::kCPU));
    model.eval();
    model.to(target);
    layOut(model, at::MemoryFormat::ChannelsLast);
    return std::make_unique<TorchModel>(std::move(model), target);
  } catch (const std::exception &error) {
    throw Failure("ERR_NETDISSECT_MODEL", "cannot load " + path + ": " + diagnose(path, cleanMessage(error)));
  }
}

std::string torchVersion() { return TORCH_VERSION; }
bool cudaAvailable() { return torch::cuda::is_available(); }
void setThreads(int threads) { at::set_num_threads(threads); }

} // namespace netdissect
