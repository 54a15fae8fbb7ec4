// Keeps an observation in a folder while it is made, so that it goes on after any end: blocks of images are
// appended to one file, and now and then the state of the pass is written to another, which says how much of
// the first one counts.
#pragma once
#include "base/bytes.h"
#include "store/kept_file.h"
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace netdissect {

/// Where an observation is kept, and which one it is (kept_file.h).
struct KeptPlace {
  std::string folder, run;

  std::string state() const { return folder + "/state"; }
  std::string blocks() const { return folder + "/blocks"; }
  /// The state of a pass that is over and not the last one.
  std::string pass(int number) const { return folder + "/pass-" + std::to_string(number); }
};

/// How far an observation has come.
struct KeptState {
  int32_t pass = 1;           // from 1 on
  bool observing = false;     // whether it is the last pass, which keeps blocks
  bool done = false;          // whether all of its images are through
  int64_t first = 0, end = 0; // the images that are observed here
  int64_t observed = 0;       // those of them that are through this pass
  int64_t piece = 0;          // images of one forward at the end: fewer where a device's memory was short
  int64_t blockBytes = 0;     // of the file of blocks, that count
};

/// One of the files of a place, and what was kept of the values.
struct ReadState {
  KeptState state;
  std::string path;
  Reader values;

  /// Has `read` take the values; what it throws names the file.
  void take(const std::function<void(Reader &)> &read);
};

/// Throws where there is none.
ReadState readState(const std::string &path, const std::string &run);

class Keeper {
public:
  /// Goes on where `state` stands.
  Keeper(KeptPlace place, double seconds, const KeptState &state);
  void add(const ImageBlock &block);
  /// Whether so many seconds have gone by since the last checkpoint.
  bool due() const;
  /// Writes how far it has come, and the values as `save` puts them.
  void checkpoint(KeptState state, const std::function<void(Writer &)> &save);

private:
  KeptPlace place_;
  double seconds_;
  int64_t blockBytes_; // at the last checkpoint
  std::unique_ptr<BlockFile> blocks_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

} // namespace netdissect
