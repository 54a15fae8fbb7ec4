// Files of a kept observation: every one begins with what it is, and what is in it has checksums. Numbers are
// in the order of bytes of the machine that wrote them; a machine with another order refuses them.
#pragma once
#include "base/bytes.h"
#include "store/image_store.h"
#include "store/label_table.h"
#include <functional>
#include <string>
#include <vector>

namespace netdissect {

/// Which observation a file belongs to: so many characters, the same in all files of a run.
constexpr size_t runLength = 32;

/// Writes a whole file beside its place and moves it there, so that either the old or the new one is there.
void writeKept(const std::string &path, const std::string &run, const std::function<void(Writer &)> &put);
/// What writeKept wrote, once all of it is checked; throws ERR_NETDISSECT_STORE for anything else, and for
/// another run's.
Reader readKept(const std::string &path, const std::string &run);
/// For a file with what cannot be, and why, where that can be said.
Failure damagedFile(const std::string &path, const std::string &why);
/// How large a file is; -1 where there is none.
int64_t keptBytes(const std::string &path);
inline bool keptExists(const std::string &path) { return keptBytes(path) >= 0; }

/// A file that blocks of images are appended to.
class BlockFile {
public:
  /// Goes on after the first `bytes`, and cuts off what lies behind them; 0 begins a new file.
  BlockFile(std::string path, const std::string &run, int64_t bytes);
  BlockFile(const BlockFile &) = delete;
  ~BlockFile();
  void append(const ImageBlock &block);
  /// Returns when all is on the disk.
  void sync();
  int64_t bytes() const { return bytes_; }

private:
  void begin(const std::string &run, int64_t bytes);

  std::string path_;
  int file_ = -1;
  int64_t bytes_ = 0;
};

/// What each block of a file has: consecutive images from `first` on, of these layers and labels.
struct KeptShape {
  std::vector<MapShape> layers; // none where no masks are kept
  LabelTable labels;            // none where no label maps are kept
  int64_t first = 0;
  std::string run;
};

/// Reads the blocks in the first `bytes` of such a file; returns the image after the last.
int64_t readBlocks(const std::string &path, int64_t bytes, const KeptShape &shape,
                   const std::function<void(ImageBlock)> &see);

} // namespace netdissect
