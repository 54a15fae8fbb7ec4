#include "store/spill.h"
#include "base/failure.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace netdissect {

static Failure failed(const std::string &what, const std::string &folder) {
  return Failure("ERR_NETDISSECT_SPILL", what + " a temporary file in " + folder + ": " +
                                             std::strerror(errno) +
                                             "; free space there, or raise the memory budget");
}

int64_t SpillFile::append(const void *data, size_t bytes) {
  if (file_ < 0) {
    std::string path = folder_ + "/netdissect-XXXXXX";
    file_ = mkostemp(path.data(), O_CLOEXEC);
    if (file_ < 0)
      throw failed("cannot open", folder_);
    unlink(path.c_str());
  }
  const int64_t place = size_;
  const char *from = static_cast<const char *>(data);
  while (bytes > 0) {
    const ssize_t written = pwrite(file_, from, bytes, size_);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      throw failed("cannot write", folder_);
    from += written;
    bytes -= static_cast<size_t>(written);
    size_ += written;
  }
  return place;
}

void SpillFile::read(int64_t place, void *data, size_t bytes) const {
  char *to = static_cast<char *>(data);
  while (bytes > 0) {
    const ssize_t got = pread(file_, to, bytes, place);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      throw failed("cannot read", folder_);
    to += got;
    bytes -= static_cast<size_t>(got);
    place += got;
  }
}

SpillFile::~SpillFile() {
  if (file_ >= 0)
    close(file_);
}

} // namespace netdissect
