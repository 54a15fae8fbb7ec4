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

/// How far an observation has come.
struct KeptState {
  int32_t pass = 1;       // from 1 on
  bool observing = false; // whether it is the last pass, which keeps blocks
  bool done = false;      // whether all of its images are through
  int64_t observed = 0;   // images of this pass
  int64_t blockBytes = 0; // of the file of blocks, that count
  std::vector<uint8_t> statistics;
};

/// Of the folder's state file; false where there is none.
bool readState(const std::string &folder, KeptState &state);
/// Of a pass that is over and not the last one.
std::string passFile(const std::string &folder, int pass);
std::string blocksFile(const std::string &folder);
/// What passFile names.
KeptState readPass(const std::string &folder, int pass);

class Keeper {
public:
  /// Goes on where `state` stands.
  Keeper(std::string folder, double seconds, const KeptState &state);
  void add(const ImageBlock &block);
  /// Whether so many seconds have gone by since the last checkpoint.
  bool due() const;
  void checkpoint(KeptState state);

private:
  std::string folder_;
  double seconds_;
  int64_t blockBytes_; // at the last checkpoint
  std::unique_ptr<BlockFile> blocks_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

} // namespace netdissect
