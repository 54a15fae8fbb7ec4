// A TorchScript model: loading it, listing its layers, running it up to the last retained one. No LibTorch
// header is needed to use this.
#pragma once
#include "model/unit_source.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace netdissect {

struct LayerInfo {
  std::string name, type;
  int calls = 0;
  std::string output;  // what the last call returned: a shape like "[1, 64, 56, 56]", or a type
  std::string refusal; // why the layer cannot be dissected, empty where it can
  int64_t units = 0;
  int height = 0, width = 0;
  int tokensDropped = 0;  // of a token sequence that counts as a map: those that are no patches
  bool unitsLast = false; // whether the output is [images, height, width, units]
  bool changedInPlace = false;
  Geometry geometry;
};

/// A parameter or buffer of a model.
struct ParameterInfo {
  std::string name, dtype; // such as "features.0.weight", "float32"
  std::vector<int64_t> shape;
  bool buffer = false;
};

/// What of an output with four dimensions are the units: [images, units, height, width], or the last one.
enum class Layout { detect, unitsFirst, unitsLast };

/// Which tokens of a sequence are no patches of the image.
struct Tokens {
  enum class Kind { detect, none, first, last, index } kind = Kind::detect; // none: sequences are no maps
  int64_t number = 0; // how many come first or last, or which one it is
};

/// Which values of the layers are retained, and how outputs are read as maps.
struct RetainOptions {
  Tokens tokens;
  Layout layout = Layout::detect;
  bool atCall = false;       // values when the call returns, not after the whole forward
  bool keepTraining = false; // go on where the graph holds operations of a training mode
  bool stayOnDevice = false; // values stay where the model is
};

/// Where a model is to run, and how.
struct DeviceWish {
  std::string device = "auto"; // "cpu", "cuda", "cuda:1" or "auto" (CUDA where it works)
  bool tf32 = false;           // products of factors of 10 bits
  bool half = false;           // the model in float16
};

class ScriptModel {
public:
  virtual ~ScriptModel() = default;
  /// Throws Failure.
  static std::unique_ptr<ScriptModel> load(const std::string &path, const DeviceWish &wish);

  virtual std::string device() const = 0;
  /// Whether values can stay where the model is; else they are the processor's.
  virtual bool keepsOnDevice() const = 0;
  /// Of its parameters and buffers.
  virtual int64_t bytes() const = 0;
  /// Channels of the images that the model takes: 3 where its graph does not tell.
  virtual int64_t channels() = 0;
  /// All layers that a forward over one image of this shape calls or could call.
  virtual std::vector<LayerInfo> layers(int64_t channels, int64_t height, int64_t width,
                                        const RetainOptions &options) = 0;
  /// Layers by name; `name[1]` is the second tensor of a tuple or list that the layer returns.
  virtual std::unique_ptr<UnitSource> retain(const std::vector<std::string> &layers,
                                             const RetainOptions &options) = 0;

  /// Parameters and buffers; tied ones have several names.
  virtual std::vector<ParameterInfo> parameters() const = 0;
  /// Overwrites one with values of the same shape, in C order, converted from `dtype`.
  virtual void setParameter(const std::string &name, const std::string &dtype, const void *data,
                            size_t bytes) = 0;
};

/// The version of LibTorch that runs.
std::string torchVersion();
/// Threads of the calling thread's parallel loops, LibTorch's and the engine's.
void setThreads(int threads);

} // namespace netdissect
