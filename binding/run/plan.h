// What a dissection is asked for, and what is known before the first image.
#pragma once
#include "backend/backend.h"
#include "base/failure.h"
#include "model/unit_source.h"
#include "run/keeper.h"
#include "store/image_store.h"
#include "store/segmentation.h"
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace netdissect {

struct DissectionOptions {
  std::vector<std::string> layers;
  int64_t images = 0;            // of the whole data set: the levels' ranks depend on it
  int64_t first = 0, end = -1;   // those that are observed here
  KeptPlace kept;                // where the observation is kept; nowhere where there is no folder
  double checkpointSeconds = 30; // how often, at the most
  int64_t channels = 3, height = 0, width = 0;
  double quantile = 0.005;
  int64_t topImages = 20;
  LabelTable labels;        // empty: no label is counted
  bool approximate = false; // estimate levels where exact ones take another pass
  bool keepMasks = true;    // false where neither labels nor pictures are wanted
  bool keepMaxima = false;  // each unit's largest activation on every image
  bool scaleOffset = false;
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
  int64_t piece = 8;  // images of one forward
  int64_t memory = 0; // bytes for what is kept of the images
  std::string spillFolder;
  double wideQuantile = 0; // where levels are those of a smaller quantile than was observed: that one

  double keptQuantile() const { return wideQuantile > 0 ? wideQuantile : quantile; }
};

struct Batch {
  int64_t first = 0; // the first image's number
  Images images;
  std::vector<LabelMaps> segmentations;            // one an image, or none
  std::vector<std::shared_ptr<const void>> memory; // that all of it lies in, where it is the batch's own
};

/// Seconds that the engine spent; read from any thread.
struct Profile {
  std::atomic<double> forward{0}, select{0}, pack{0}, keep{0}, count{0};
};

/// What a layer's output is.
struct LayerShape : MapShape {
  std::string name;
  int tokensDropped = 0;
  bool unitsLast = false;
  bool changedInPlace = false;
  Geometry geometry;
};

/// What a user should know, a sentence each, each once; from any thread.
class Notices {
public:
  void add(const std::string &notice) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::find(all_.begin(), all_.end(), notice) == all_.end())
      all_.push_back(notice);
  }
  std::vector<std::string> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return all_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

/// What is told and asked from other threads while a pass is under way.
struct Progress {
  std::atomic<int64_t> observed{0}; // images of this pass
  std::atomic<bool> cancelled{false};
  const std::atomic<bool> *stopping = nullptr; // of the engine that a dissection is made on

  bool ended() const { return cancelled || (stopping && *stopping); }
};

inline Failure aborted() { return Failure("ABORT_ERR", "the dissection was aborted"); }

/// The source of some layers' units.
using OpenUnits = std::function<std::unique_ptr<UnitSource>(const std::vector<std::string> &layers)>;

/// What all phases of a dissection share.
struct Plan {
  DissectionOptions options;
  std::vector<LayerShape> layers;
  std::unique_ptr<Backend> backend;
  Progress progress;
  Profile profile;
  Notices notices;
  std::unique_ptr<Keeper> keeper; // null where nothing is kept
  int pass = 1;
  int64_t piece = 0; // images of one forward: those of the options, or fewer where a device's memory is short

  int64_t values(const LayerShape &layer) const { return options.images * layer.cells(); }
  MapGeometry geometry(const LayerShape &layer) const {
    return {layer.height, layer.width, options.scaleOffset ? std::optional(layer.geometry) : std::nullopt,
            static_cast<int>(options.height), static_cast<int>(options.width)};
  }
};

/// Runs some images of a batch, filled up with the last of them to a whole `piece`: the kernels that LibTorch
/// chooses depend on how many images there are, and with them the last bits.
std::vector<UnitBatch> runPiece(UnitSource &source, const DissectionOptions &options, const Images &all,
                                int64_t begin, int64_t count, int64_t piece);

} // namespace netdissect
