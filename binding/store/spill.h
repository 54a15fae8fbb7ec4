// A file for what does not fit into memory. It has no name from the moment it is opened, so that nothing of
// it stays behind however the process ends.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace netdissect {

class SpillFile {
public:
  /// The file is opened in `folder` when it is first written to.
  explicit SpillFile(std::string folder) : folder_(std::move(folder)) {}
  SpillFile(const SpillFile &) = delete;
  ~SpillFile();

  /// Returns the place that the bytes were written to.
  int64_t append(const void *data, size_t bytes);
  void read(int64_t place, void *data, size_t bytes) const;
  int64_t bytes() const { return size_; }

private:
  std::string folder_;
  int file_ = -1;
  int64_t size_ = 0;
};

} // namespace netdissect
