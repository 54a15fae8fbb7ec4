// What LibTorch warns of and what a model prints while a model's thread works, kept for whoever asks: nothing
// of it goes to standard output or standard error.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace netdissect {

class Log {
public:
  /// Keeps a message once; after a hundred different ones no more, but counts them.
  void add(std::string message);
  /// The messages since the last call.
  std::vector<std::string> take();

private:
  std::mutex mutex_;
  std::set<std::string> known_;
  std::vector<std::string> fresh_;
  int64_t dropped_ = 0;
};

/// From now on what arises on the calling thread goes to `log`.
void keepLog(std::shared_ptr<Log> log);

} // namespace netdissect
