#include "model/script_model.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "model/cuda_status.h"
#include "model/diagnose.h"
#include "model/facts.h"
#include "model/forward.h"
#include "model/geometry.h"
#include "model/gpu_path.h"
#include "model/maps.h"
#include "model/names.h"
#include "model/runner.h"
#include "model/trouble.h"
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/util/Logging.h>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>
#include <utility>

/// Absent before 2.9.
extern "C" __attribute__((weak)) uint64_t aoti_torch_abi_version();

namespace netdissect {

namespace {

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

class TorchModel : public ScriptModel {
public:
  TorchModel(torch::jit::Module model, Running running)
      : model_(std::move(model)), running_(std::make_shared<Running>(std::move(running))) {}

  int64_t bytes() const override {
    int64_t bytes = 0;
    for (const at::Tensor &tensor : model_.parameters())
      bytes += static_cast<int64_t>(tensor.nbytes());
    for (const at::Tensor &tensor : model_.buffers())
      bytes += static_cast<int64_t>(tensor.nbytes());
    return bytes;
  }
  std::string device() const override { return running_->device.str(); }
  bool keepsOnDevice() const override { return running_->onDevice(); }

  int64_t channels() override {
    const HookedGraph whole(model_, running_->device, {}, false);
    const int64_t channels = factsOf(whole).channels;
    return channels == 1 || channels == 4 ? channels : 3;
  }

  std::vector<LayerInfo> layers(int64_t channels, int64_t height, int64_t width,
                                const RetainOptions &options) override {
    const auto named = named_modules();
    std::vector<Wanted> modules;
    for (const auto &[name, module] : named)
      modules.push_back({module, {}});
    HookedGraph hooked(model_, running_->device, modules, false);
    Runner runner(*running_, hooked);
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

  std::unique_ptr<UnitSource> retain(const std::vector<std::string> &layers,
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
    return retainedForward(model_, running_, std::move(wanted), layers, options);
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
  std::shared_ptr<Running> running_;          // the forwards', too
  std::map<std::string, at::Tensor> tensors_; // parameters and buffers, once one is set
};

} // namespace

/// Where NNPACK does not run, LibTorch writes so to standard error at every convolution that it is thought of
/// for.
static void forgetMissingNnpack() {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 12)
  static const bool once = [] {
    const int level = std::exchange(FLAGS_caffe2_log_level, 2); // errors; this question writes it, too
    if (!at::_nnpack_available())
      at::globalContext().setUserEnabledNNPACK(false);
    FLAGS_caffe2_log_level = level;
    return true;
  }();
  (void)once;
#endif
}

/// Throws where what is asked for by name cannot be used.
static at::Device deviceOf(const std::string &wish) {
  if (wish == "cpu")
    return at::kCPU;
  if (wish == "auto")
    return whyNoCuda().empty() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  const at::Device named(wish), device(at::kCUDA, named.has_index() ? named.index() : 0);
  if (const std::string &why = whyNoCuda(device.index()); !why.empty())
    throw Failure("ERR_NETDISSECT_DEVICE",
                  "no CUDA device can be used: " + why + "; leave the device out, or choose cpu");
  return device;
}

std::unique_ptr<ScriptModel> ScriptModel::load(const std::string &path, const DeviceWish &wish) {
  const at::Device target = deviceOf(wish.device);
  Running running{target};
  if (const std::optional<GpuPath> way = gpuPath(); way && target.is_cpu()) {
    running.byTensors = true;
    running.mostImages = way->images;
    running.fullAt = way->full;
  }
  running.tf32 = wish.tf32;
  if ((wish.half || wish.tf32) && !running.onDevice())
    throw Failure("ERR_NETDISSECT_DEVICE",
                  std::string(wish.half ? "half" : "tf32") + " is for a GPU, and none is used: " +
                      (wish.device == "cpu" ? "the device is cpu" : whyNoCuda()) + "; leave it out");
  forgetMissingNnpack();
  try {
    torch::jit::Module model = torch::jit::load(path, at::Device(at::kCPU));
    model.eval();
    model.to(target);
    if (wish.half)
      model.to(at::kHalf);
    return std::make_unique<TorchModel>(std::move(model), std::move(running));
  } catch (const std::exception &error) {
    const std::string message = cleanMessage(error);
    if (running.onDevice() && troubleOf(message) != Trouble::other)
      throw Failure("ERR_NETDISSECT_DEVICE", "the model does not get onto the GPU: " + message +
                                                 "; leave it out with device: 'cpu' (--no-cuda)");
    throw Failure("ERR_NETDISSECT_MODEL", "cannot load " + path + ": " + diagnose(path, message));
  }
}

std::string torchVersion() {
  if (!aoti_torch_abi_version)
    return TORCH_VERSION;
  const uint64_t version = aoti_torch_abi_version();
  const auto part = [&](int shift) { return std::to_string(version >> shift & 0xff); };
  return part(56) + "." + part(48) + "." + part(40);
}

void setThreads(int threads) {
  at::get_num_threads(); // the first call on a thread takes the number that any thread set last
  at::set_num_threads(threads);
  setLoopThreads(threads);
}

} // namespace netdissect
