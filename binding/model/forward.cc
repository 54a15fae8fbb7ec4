#include "model/forward.h"
#include "base/failure.h"
#include "model/geometry.h"
#include "model/maps.h"
#include "model/names.h"
#include "model/trouble.h"
#include <ATen/ATen.h>

namespace netdissect {

std::string whyUncalled(const HookedGraph &hooked, size_t slot) {
  if (const std::string &method = hooked.otherMethod(slot); !method.empty())
    return "has no output: the model calls its method " + method + ", never its forward";
  if (const std::string &call = hooked.unfollowed(); !call.empty())
    return "may be called by " + call + ", a call that cannot be followed";
  return "is never called";
}

namespace {

class TorchForward : public UnitSource {
public:
  TorchForward(torch::jit::Module model, std::shared_ptr<Running> running, std::vector<Wanted> wanted,
               std::vector<std::string> names, const RetainOptions &options)
      : names_(std::move(names)), options_(options), running_(std::move(running)),
        hooked_(std::move(model), running_->device, std::move(wanted), true, options.atCall),
        runner_(*running_, hooked_) {
    for (size_t i = 0; i < names_.size(); i++)
      if (!hooked_.sites(i))
        throw Failure("ERR_NETDISSECT_LAYER",
                      "layer '" + names_[i] + "' " + whyUncalled(hooked_, i) + "; choose another layer");
  }

  std::vector<UnitBatch> run(const Images &images) override {
    if (!runner_.facts().random.empty() && !options_.keepTraining)
      throw Failure(
          "ERR_NETDISSECT_TRAINING",
          "the model's graph holds " + listed(runner_.facts().random) +
              ", so that its values are not those of evaluation; call model.eval() before exporting "
              "it, or go on with trainMode: 'keep'");
    runner_.settle(images);
    try {
      return unitsOf(images);
    } catch (const Failure &) {
      throw;
    } catch (const std::bad_alloc &) {
      throw;
    } catch (const std::exception &error) {
      const std::string message = cleanMessage(error);
      if (running_->onDevice())
        throwTrouble(message, "in the model's forward", "in the model's forward");
      throw Failure("ERR_NETDISSECT_FORWARD", "the model fails on images that it is given: " + message);
    }
  }

  void wait() override {
    if (!running_->device.is_cpu())
      at::zeros({1}, running_->device).item<float>(); // comes after all that was asked for before
  }

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
  std::vector<UnitBatch> unitsOf(const Images &images) {
    const int64_t step = runner_.oneByOne() ? 1 : images.count;
    const int64_t pixels = images.height * images.width;
    std::vector<std::vector<Maps>> parts(names_.size());
    for (int64_t begin = 0; begin < images.count; begin += step) {
      Images some = images;
      some.count = step;
      some.bytes = images.bytes ? images.bytes + begin * pixels * 3 : nullptr;
      some.alpha = images.alpha ? images.alpha + begin * pixels : nullptr;
      some.floats = images.floats ? images.floats + begin * pixels * images.channels : nullptr;
      const std::vector<Capture> captures = runner_.run(some);
      for (size_t i = 0; i < captures.size(); i++)
        parts[i].push_back(mapsOf(i, captures[i], some));
    }
    std::vector<UnitBatch> result;
    for (std::vector<Maps> &layer : parts) {
      result.push_back(batchOf(layer));
      layer.clear();
    }
    return result;
  }

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
    maps.tensor =
        options_.stayOnDevice ? maps.tensor.to(at::kFloat) : maps.tensor.to(at::Device(at::kCPU), at::kFloat);
    return maps;
  }

  UnitBatch batchOf(const std::vector<Maps> &parts) const {
    std::vector<at::Tensor> tensors;
    for (const Maps &part : parts)
      tensors.push_back(part.tensor);
    at::Tensor values = tensors.size() == 1 ? tensors[0] : at::cat(tensors);
    const bool host = !options_.stayOnDevice;
    const bool unitsLast =
        host && !values.is_contiguous() && values.is_contiguous(at::MemoryFormat::ChannelsLast);
    if (host && !unitsLast)
      values = values.contiguous();
    const auto owner = std::make_shared<at::Tensor>(std::move(values));
    UnitBatch activation;
    activation.values = host ? owner->data_ptr<float>() : nullptr;
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
  std::shared_ptr<Running> running_;
  HookedGraph hooked_;
  Runner runner_;
};

} // namespace

std::unique_ptr<UnitSource> retainedForward(torch::jit::Module model, std::shared_ptr<Running> running,
                                            std::vector<Wanted> wanted, std::vector<std::string> names,
                                            const RetainOptions &options) {
  return std::make_unique<TorchForward>(std::move(model), std::move(running), std::move(wanted),
                                        std::move(names), options);
}

} // namespace netdissect
