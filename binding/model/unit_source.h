// Where the values of units come from. No LibTorch header is needed to use or to be one.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace netdissect {

/// How a layer's cells lie on the input image: cell c is centred on pixel scale · c + offset (y, x).
struct Geometry {
  bool known = false;
  std::string reason; // why not
  std::array<double, 2> scale{1, 1}, offset{0, 0};
};

/// A batch of images: bytes [count, height, width, 3] that are scaled to [0, 1] and normalised here, or
/// float32 [count, channels, height, width] as they are. A model of one channel gets the luminance of bytes,
/// one of four their colours under full opacity.
struct Images {
  const uint8_t *bytes = nullptr;
  const uint8_t *alpha = nullptr; // [count, height, width]; opaque without it
  const float *floats = nullptr;
  int64_t count = 0, channels = 0, height = 0, width = 0;
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
};

/// The units' values on a batch of images, [count, units, height, width] float32 in C order, or with the
/// units last: [count, height, width, units].
struct UnitBatch {
  std::shared_ptr<const void> owner;
  const float *values = nullptr; // null where they are on a device: `owner` is their at::Tensor then, with as
                                 // many images or more, of any strides
  bool unitsLast = false;
  int64_t count = 0, units = 0;
  int height = 0, width = 0;
  int tokensDropped = 0;
  bool outputUnitsLast = false; // whatever `values` are
  bool changedInPlace = false;
};

/// Images in, values of units out, of one or more layers: a model's forward that keeps the outputs of chosen
/// layers and ends at the last of them.
class UnitSource {
public:
  virtual ~UnitSource() = default;
  /// One a layer.
  virtual std::vector<UnitBatch> run(const Images &images) = 0;
  /// Returns when all that was run is done: a device goes on after run() has returned.
  virtual void wait() {}
  /// What a user should know of how the model runs, a sentence each; after the first run.
  virtual std::vector<std::string> notices() const = 0;
  /// The geometry of a retained layer.
  virtual Geometry geometry(size_t layer) = 0;
};

} // namespace netdissect
