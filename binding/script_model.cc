#include "script_model.h"
#include "facts.h"
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
    if (reader.hasRecord("constants.pkl")) {
      if (message.find("required keyword attribute 'value' is undefined") != std::string::npos)
        return "it holds constants that no file keeps, as torch.jit.optimize_for_inference makes them; "
               "export "
               "it without that";
      const std::string unknown = "Unknown builtin op: ";
      if (message.rfind(unknown, 0) != 0)
        return message.empty() ? "LibTorch gives no reason" : message;
      return "its code calls the operator " + message.substr(unknown.size()) +
             ", which LibTorch does not have (it comes with a library such as torchvision); export the part "
             "of the "
             "model before it";
    }
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
  bool changedInPlace = false;
};

/// What is known of a forward's tokens.
struct TokenFacts {
  const Facts &graph;
  const std::vector<std::pair<int64_t, int64_t>> &grids; // of convolutions whose outputs were flattened
};

/// Rows and columns of so many patches; 0 where they are no grid.
std::pair<int64_t, int64_t> patchGrid(int64_t count, const TokenFacts &known, const Images &images) {
  for (auto grid = known.grids.rbegin(); grid != known.grids.rend(); ++grid)
    if (grid->first * grid->second == count)
      return *grid;
  for (int64_t patch = 1; count > 0 && patch <= std::min(images.height, images.width); patch++)
    if ((images.height / patch) * (images.width / patch) == count)
      return {images.height / patch, images.width / patch};
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(count))));
  if (count > 0 && images.height == images.width && side * side == count)
    return {side, side};
  return {0, 0};
}

/// The tokens of a sequence that are patches, in rows and columns: [images, rows · columns, units]. Unasked
/// they are only where the graph makes it plain, by a convolution that makes patches or a table of positions.
std::string patchesOf(const at::Tensor &tokens, Tokens wish, const TokenFacts &known, const Images &images,
                      at::Tensor &patches, std::pair<int64_t, int64_t> &grid) {
  const int64_t count = tokens.size(1);
  int64_t before = 0, after = 0;
  std::string seen;
  if (wish.kind == Tokens::Kind::detect) {
    const Facts &graph = known.graph;
    const int64_t others = graph.tokensBefore + graph.tokensAfter;
    for (const int64_t extra : {int64_t{0}, others}) {
      bool plain = extra == 0 || graph.tokensPlain;
      bool fits = known.grids.empty() &&
                  std::find(graph.positions.begin(), graph.positions.end(), count) != graph.positions.end() &&
                  (extra == others);
      for (const auto &[rows, columns] : known.grids)
        fits = fits || rows * columns == count - extra;
      if (!fits || !plain || grid.first)
        continue;
      grid = patchGrid(count - extra, known, images);
      before = extra ? graph.tokensBefore : 0;
      after = extra ? graph.tokensAfter : 0;
    }
    for (const auto &[rows, columns] : known.grids)
      seen += (seen.empty() ? "its convolutions make " : ", ") + std::to_string(rows) + "×" +
              std::to_string(columns);
    if (seen.empty())
      seen = "no convolution makes patches";
    if (others)
      seen += ", and " + std::to_string(others) + " more tokens are added" +
              (graph.tokensPlain ? "" : " in places that are not plain");
  } else if (wish.kind == Tokens::Kind::index) {
    if (wish.number < count)
      grid = patchGrid(count - 1, known, images);
  } else {
    before = wish.kind == Tokens::Kind::first ? wish.number : 0;
    after = wish.kind == Tokens::Kind::last ? wish.number : 0;
    grid = patchGrid(count - before - after, known, images);
  }
  if (!grid.first)
    return "its output has the shape " + shapeOf(tokens) + ", whose " + std::to_string(count) + " tokens" +
           (wish.kind == Tokens::Kind::detect  ? ""
            : wish.kind == Tokens::Kind::index ? " but one"
                                               : " less " + std::to_string(wish.number)) +
           " are " + (wish.kind == Tokens::Kind::detect ? "not plainly a" : "no") +
           " grid of patches of an image of " + std::to_string(images.height) + "×" +
           std::to_string(images.width) + " pixels" +
           (wish.kind == Tokens::Kind::detect
                ? " (" + seen + "); if they are, say with tokens which are none: first:N, last:N or index:I"
                : "");
  patches = wish.kind == Tokens::Kind::index
                ? at::cat({tokens.slice(1, 0, wish.number), tokens.slice(1, wish.number + 1)}, 1)
                : tokens.slice(1, before, count - after);
  return "";
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
                   const TokenFacts &tokens, Maps &result) {
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
  if (maps.dim() == 3 && maps.size(0) == images.count && options.tokens.kind != Tokens::Kind::none) {
    std::pair<int64_t, int64_t> grid{0, 0};
    at::Tensor patches;
    const std::string refusal = patchesOf(maps, options.tokens, tokens, images, patches, grid);
    if (!refusal.empty())
      return refusal;
    result.tokensDropped = static_cast<int>(maps.size(1) - patches.size(1));
    maps = patches.contiguous()
               .view({maps.size(0), grid.first, grid.second, maps.size(2)})
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
  const auto channels = static_cast<int>(images.channels);
  float table[4][256];
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < 256; v++) {
      const bool grey = channels == 1, alpha = c == 3;
      const float mean = grey ? (images.mean[0] + images.mean[1] + images.mean[2]) / 3 : images.mean[c % 3];
      const float deviation = grey ? (images.deviation[0] + images.deviation[1] + images.deviation[2]) / 3
                                   : images.deviation[c % 3];
      const float value = static_cast<float>(v) / 255.0f;
      table[c][v] = alpha ? value : (value - mean) / deviation;
    }
  at::Tensor input =
      at::empty(shape, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  float *out = input.data_ptr<float>();
  parallelFor(images.count * images.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * images.width; i < end * images.width; i++) {
      const uint8_t *rgb = images.bytes + i * 3;
      if (channels == 1) // as Pillow's L
        out[i] = table[0][(rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16];
      else
        for (int c = 0; c < channels; c++)
          out[i * channels + c] = table[c][c < 3 ? rgb[c] : images.alpha ? images.alpha[i] : 255];
    }
  });
  return input;
}

/// How a model runs: found out by trying, and kept.
struct Running {
  at::Device device;
  bool channelsLast = true; // of weights and input, together
  bool laidOut = false;     // whether the weights lie so

  /// Lays weights out as the input is, which would otherwise be done anew in every forward.
  void layOut(const torch::jit::Module &model, bool last) {
    if (laidOut && last == channelsLast)
      return;
    const at::NoGradGuard noGradients;
    for (at::Tensor parameter : model.parameters())
      if (parameter.dim() == 4)
        parameter.set_data(
            parameter.clone(last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
    channelsLast = last;
    laidOut = true;
  }
};

/// A hooked forward and how it has to be run.
class Runner {
public:
  Runner(Running &running, HookedGraph &hooked)
      : running_(running), hooked_(hooked), facts_(factsOf(hooked)) {}

  const Facts &facts() const { return facts_; }
  bool oneByOne() const { return oneByOne_; }

  std::vector<Capture> run(const Images &images) {
    at::Tensor input = inputTensor(images).to(running_.device, facts_.inputType);
    // contiguous() would keep the strides of what lies both ways, such as one channel, and convolutions go by
    // them
    return hooked_.run(running_.channelsLast ? input : input.clone(at::MemoryFormat::Contiguous));
  }

  /// Before the first run: finds out whether the model takes tensors that lie channels last, and several
  /// images at once, and where it takes none says why.
  void settle(const Images &images) {
    if (settled_)
      return;
    if (facts_.input == "no input")
      throw Failure(
          "ERR_NETDISSECT_FORWARD",
          "the model's forward takes no input, where a batch of images is given; export a model whose "
          "forward takes one tensor [images, channels, height, width]");
    if (!facts_.input.empty())
      throw Failure("ERR_NETDISSECT_FORWARD",
                    "the model's forward takes " + facts_.input +
                        ", where one batch of images is given; export a model whose forward takes one tensor "
                        "[images, channels, height, width]");
    if (facts_.channels && facts_.channels != images.channels)
      throw Failure("ERR_NETDISSECT_FORWARD",
                    "the model takes images of " + std::to_string(facts_.channels) + " channels and got " +
                        std::to_string(images.channels) +
                        (facts_.channels == 1 || facts_.channels == 3 || facts_.channels == 4
                             ? ""
                             : "; images can be given with 1 (grey), 3 (RGB) or 4 "
                               "(RGBA)"));
    std::string message;
    for (const int64_t count : {2, 1})
      for (const bool last : {true, false}) {
        if (last && (facts_.readsMemory || (running_.laidOut && !running_.channelsLast)))
          continue;
        const std::string failure = attempt(count, last, images.channels, images.height, images.width);
        if (failure.empty()) {
          oneByOne_ = count == 1;
          settled_ = true;
          return;
        }
        message = failure;
      }
    throw Failure("ERR_NETDISSECT_FORWARD", "the model fails on images of " +
                                                sizeOf(images.height, images.width) + ": " + message +
                                                advice(images, message));
  }

private:
  static std::string sizeOf(int64_t height, int64_t width) {
    return std::to_string(height) + "×" + std::to_string(width);
  }

  /// Runs some images; the reason where that fails.
  std::string attempt(int64_t count, bool last, int64_t channels, int64_t height, int64_t width) {
    std::vector<float> values(count * channels * height * width);
    for (size_t i = 0; i < values.size(); i++)
      values[i] = static_cast<float>((i * 7919) % 1009) / 504.5f - 1;
    Images images;
    images.floats = values.data();
    images.count = count;
    images.channels = channels;
    images.height = height;
    images.width = width;
    running_.layOut(hooked_.model(), last);
    try {
      const std::vector<Capture> captures = run(images);
      // A forward with one image fixed in it may run on, and give one row.
      for (const Capture &capture : captures)
        if (count > 1 && capture.value.isTensor() && capture.value.toTensor().defined() &&
            capture.value.toTensor().dim() > 1 && capture.value.toTensor().size(0) == 1)
          return "it gives the output of one image for several";
      return "";
    } catch (const std::exception &error) {
      return cleanMessage(error);
    }
  }

  /// What to do about a failure, as far as trying tells.
  std::string advice(const Images &images, const std::string &message) {
    if (facts_.inputType != at::kFloat && message.find("not implemented for") != std::string::npos)
      return "; its parameters are " + std::string(c10::toString(facts_.inputType)) +
             ", for which LibTorch lacks this operation here: export it in float32, with model.float()";
    if (message.find("CUDA") != std::string::npos)
      return "; it was made for a GPU: export it on the CPU";
    for (const int64_t size :
         {224, 227, 256, 299, 384, 512, 448, 336, 320, 192, 160, 128, 112, 96, 64, 48, 32, 28, 16, 8})
      if ((size != images.height || size != images.width) &&
          attempt(1, false, images.channels, size, size).empty())
        return "; it runs on images of " + sizeOf(size, size) + ": choose the size that it was made for";
    return "";
  }

  Running &running_;
  HookedGraph &hooked_;
  Facts facts_;
  bool settled_ = false, oneByOne_ = false;
};

std::string listed(const std::vector<std::string> &items) {
  std::string text;
  for (size_t i = 0; i < items.size(); i++)
    text += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return text;
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
  TorchForward(torch::jit::Module model, Running &running, std::vector<Wanted> wanted,
               std::vector<std::string> names, const RetainOptions &options)
      : names_(std::move(names)), options_(options),
        hooked_(std::move(model), running.device, std::move(wanted), true, options.atCall),
        runner_(running, hooked_) {
    for (size_t i = 0; i < names_.size(); i++)
      if (!hooked_.sites(i))
        throw Failure("ERR_NETDISSECT_LAYER",
                      "layer '" + names_[i] + "' " + whyUncalled(hooked_, i) + "; choose another layer");
  }

  void run(const Images &images) override {
    if (!runner_.facts().random.empty() && !options_.keepTraining)
      throw Failure(
          "ERR_NETDISSECT_TRAINING",
          "the model's graph holds " + listed(runner_.facts().random) +
              ", so that its values are not those of evaluation; call model.eval() before exporting "
              "it, or go on with trainMode: 'keep'");
    runner_.settle(images);
    activations_.clear();
    const int64_t step = runner_.oneByOne() ? 1 : images.count;
    const int64_t pixels = images.height * images.width;
    std::vector<std::vector<Maps>> parts(names_.size());
    for (int64_t begin = 0; begin < images.count; begin += step) {
      Images some = images;
      some.count = step;
      some.bytes = images.bytes ? images.bytes + begin * pixels * 3 : nullptr;
      some.alpha = images.alpha ? images.alpha + begin * pixels : nullptr;
      some.floats = images.floats ? images.floats + begin * pixels * images.channels : nullptr;
      std::vector<Capture> captures = runner_.run(some);
      for (size_t i = 0; i < captures.size(); i++)
        parts[i].push_back(mapsOf(i, captures[i], some));
    }
    for (std::vector<Maps> &layer : parts)
      activations_.push_back(activationOf(layer));
  }

  std::vector<Activation> take() override { return std::move(activations_); }

  std::vector<std::string> notices() const override {
    std::vector<std::string> result;
    if (runner_.oneByOne())
      result.push_back(
          "the model takes one image at a time (it was traced with one), so that images pass singly");
    if (!runner_.facts().random.empty())
      result.push_back("the model's graph holds " + listed(runner_.facts().random) +
                       ", whose training mode is kept: values are not those of evaluation");
    if (!runner_.facts().ofBatch.empty())
      result.push_back("the model's graph holds " + listed(runner_.facts().ofBatch) +
                       ", so that values depend on which images pass together");
    return result;
  }

  Geometry geometry(size_t layer) override { return layerGeometry(hooked_, names_.size())[layer]; }

private:
  Maps mapsOf(size_t layer, const Capture &capture, const Images &images) const {
    if (!capture.calls)
      throw Failure("ERR_NETDISSECT_LAYER",
                    "layer '" + names_[layer] + "' was not called on this input (control flow)");
    Maps maps;
    const std::string refusal =
        capture.lacksPart && capture.value.isTensor()
            ? "it gives one tensor, not several; leave out the index"
            : netdissect::mapsOf(capture.value, images, options_, {runner_.facts(), hooked_.grids()}, maps);
    if (!refusal.empty())
      throw Failure("ERR_NETDISSECT_LAYER", "layer '" + names_[layer] + "' cannot be dissected: " + refusal);
    maps.changedInPlace = capture.changedInPlace;
    maps.tensor = maps.tensor.to(at::Device(at::kCPU), at::kFloat);
    return maps;
  }

  static Activation activationOf(const std::vector<Maps> &parts) {
    std::vector<at::Tensor> tensors;
    for (const Maps &part : parts)
      tensors.push_back(part.tensor);
    at::Tensor values = tensors.size() == 1 ? tensors[0] : at::cat(tensors);
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
    activation.tokensDropped = parts[0].tokensDropped;
    activation.outputUnitsLast = parts[0].unitsLast;
    activation.changedInPlace = parts[0].changedInPlace;
    activation.owner = owner;
    return activation;
  }

  std::vector<std::string> names_;
  RetainOptions options_;
  HookedGraph hooked_;
  Runner runner_;
  std::vector<Activation> activations_; // of the last run
};

class TorchModel : public ScriptModel {
public:
  TorchModel(torch::jit::Module model, at::Device device) : model_(std::move(model)), running_{device} {}

  std::string device() const override { return running_.device.str(); }

  int64_t channels() override {
    const HookedGraph whole(model_, running_.device, {}, false);
    const int64_t channels = factsOf(whole).channels;
    return channels == 1 || channels == 4 ? channels : 3;
  }

  std::vector<LayerInfo> layers(int64_t channels, int64_t height, int64_t width,
                                const RetainOptions &options) override {
    const auto named = named_modules();
    std::vector<Wanted> modules;
    for (const auto &[name, module] : named)
      modules.push_back({module, {}});
    HookedGraph hooked(model_, running_.device, modules, false);
    Runner runner(running_, hooked);
    const std::vector<float> zeros(channels * height * width);
    Images image;
    image.floats = zeros.data();
    image.count = 1;
    image.channels = channels;
    image.height = height;
    image.width = width;
    runner.settle(image);
    const std::vector<Capture> captures = runner.run(image);
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
        info.refusal = mapsOf(captures[i].value, image, options, {runner.facts(), hooked.grids()}, maps);
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
    return std::make_unique<TorchForward>(model_, running_, std::move(wanted), layers, options);
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
  Running running_;
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
    return std::make_unique<TorchModel>(std::move(model), target);
  } catch (const std::exception &error) {
    throw Failure("ERR_NETDISSECT_MODEL", "cannot load " + path + ": " + diagnose(path, cleanMessage(error)));
  }
}

std::string torchVersion() { return TORCH_VERSION; }
bool cudaAvailable() { return torch::cuda::is_available(); }
void setThreads(int threads) {
  at::get_num_threads(); // the first call on a thread takes the number that any thread set last
  at::set_num_threads(threads);
}

} // namespace netdissect
