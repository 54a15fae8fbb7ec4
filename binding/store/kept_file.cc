#include "store/kept_file.h"
#include "base/failure.h"
#include "store/hot_cells.h"
#include "store/segmentation.h"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace netdissect {

namespace {

constexpr char magic[8] = {'n', 'e', 't', 'd', 'i', 's', 's', '1'};
constexpr uint32_t byteOrder = 0x01020304;

struct Head {
  char what[8];
  uint32_t order;
  uint32_t checksum; // of what follows; 0 in a file of blocks, which have their own
  uint64_t bytes;    // of what follows; 0 in a file of blocks
  char run[runLength];
};

struct BlockHead {
  uint32_t checksum;
  uint32_t unused;
  uint64_t bytes;
};

/// CRC-32 as in IEEE 802.3.
class Checksum {
public:
  void add(const uint8_t *data, size_t bytes) {
    static const auto tables = makeTables();
    for (; bytes >= 8; bytes -= 8, data += 8) { // eight bytes at a time
      uint32_t low, high;
      std::memcpy(&low, data, 4);
      std::memcpy(&high, data + 4, 4);
      low ^= sum_;
      sum_ = 0;
      for (int i = 0; i < 4; i++)
        sum_ ^= tables[7 - i][low >> 8 * i & 255] ^ tables[3 - i][high >> 8 * i & 255];
    }
    for (; bytes; bytes--, data++)
      sum_ = sum_ >> 8 ^ tables[0][(sum_ ^ *data) & 255];
  }
  uint32_t value() const { return ~sum_; }

private:
  using Tables = std::array<std::array<uint32_t, 256>, 8>;

  static Tables makeTables() {
    Tables tables{};
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++)
        value = value & 1 ? value >> 1 ^ 0xEDB88320 : value >> 1;
      tables[0][i] = value;
    }
    for (size_t t = 1; t < 8; t++)
      for (size_t i = 0; i < 256; i++)
        tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
    return tables;
  }

  uint32_t sum_ = ~0u;
};

uint32_t checksumOf(const std::vector<uint8_t> &bytes) {
  Checksum sum;
  sum.add(bytes.data(), bytes.size());
  return sum.value();
}

Failure failed(const std::string &what, const std::string &path) {
  const char *advice = errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                           ? "; make room there and run this again, which goes on from the last checkpoint"
                           : "; name a folder that can be read and written";
  return Failure("ERR_NETDISSECT_STORE",
                 "cannot " + what + " " + path + ": " + std::strerror(errno) + advice);
}

void writeAll(int file, const void *data, size_t bytes, const std::string &path) {
  const auto *from = static_cast<const char *>(data);
  while (bytes > 0) {
    const ssize_t written = write(file, from, bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      throw failed("write to", path);
    from += written;
    bytes -= static_cast<size_t>(written);
  }
}

/// A file that is open for as long as this lives.
struct Open {
  int file;
  explicit Open(const std::string &path, int flags) : file(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (file < 0)
      throw failed("open", path);
  }
  Open(const Open &) = delete;
  ~Open() { close(file); }
};

void readAll(int file, void *data, size_t bytes, const std::string &path) {
  auto *to = static_cast<char *>(data);
  while (bytes > 0) {
    const ssize_t got = read(file, to, bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw failed("read", path);
    if (got == 0)
      throw damagedFile(path, "it is cut off");
    to += got;
    bytes -= static_cast<size_t>(got);
  }
}

Head headOf(const std::string &run, uint32_t checksum, uint64_t bytes) {
  Head head{};
  if (run.size() != runLength)
    throw Failure("ERR_NETDISSECT_USAGE", "a run is named by " + std::to_string(runLength) + " characters");
  std::memcpy(head.run, run.data(), runLength);
  std::memcpy(head.what, magic, sizeof magic);
  head.order = byteOrder;
  head.checksum = checksum;
  head.bytes = bytes;
  return head;
}

Head readHead(int file, const std::string &path, const std::string &run) {
  Head head;
  readAll(file, &head, sizeof head, path);
  if (std::memcmp(head.what, magic, sizeof magic - 1) != 0)
    throw damagedFile(path, "it is no file of a store");
  if (head.order != byteOrder)
    throw Failure("ERR_NETDISSECT_STORE", path + " was written on a machine with another order of bytes, and "
                                                 "can be read on such a one alone");
  if (head.what[7] != magic[7])
    throw Failure("ERR_NETDISSECT_STORE", path + " was written by another version of netdissect-native, in "
                                                 "another format; use that version, or observe again");
  if (std::string(head.run, runLength) != run)
    throw Failure("ERR_NETDISSECT_STORE",
                  path + " is of another run than store.json beside it; remove the store and observe again");
  return head;
}

uint64_t sizeOf(int file, const std::string &path) {
  struct stat info;
  if (fstat(file, &info) < 0)
    throw failed("read", path);
  return static_cast<uint64_t>(info.st_size);
}

void put(Writer &out, const Block &block) {
  out.put(block.ends);
  out.put(block.words);
}

/// Whether records end where words do, in order.
bool wellOrdered(const Block &block, size_t records) {
  return block.ends.size() == records && std::is_sorted(block.ends.begin(), block.ends.end()) &&
         (block.ends.empty() ? 0 : block.ends.back()) == block.words.size();
}

Block blockOf(Reader &in) {
  Block block;
  block.ends = in.list<uint32_t>();
  block.words = in.list<uint32_t>();
  return block;
}

template <class Fits> bool allRecords(const Block &block, Fits fits) {
  uint32_t begin = 0;
  for (const uint32_t end : block.ends) {
    if (!fits(block.words.data() + begin, block.words.data() + end))
      return false;
    begin = end;
  }
  return true;
}

} // namespace

Failure damagedFile(const std::string &path, const std::string &why) {
  return Failure("ERR_NETDISSECT_STORE", path + " is damaged" + (why.empty() ? "" : ": ") + why +
                                             "; remove the store and observe again");
}

int64_t keptBytes(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? static_cast<int64_t>(info.st_size) : -1;
}

void writeKept(const std::string &path, const std::string &run, const std::function<void(Writer &)> &put) {
  const std::string beside = path + ".new";
  {
    const Open file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    Checksum sum;
    uint64_t bytes = 0;
    Head head = headOf(run, 0, 0); // again when the checksum is known
    writeAll(file.file, &head, sizeof head, beside);
    Writer out([&](const uint8_t *data, size_t size) {
      sum.add(data, size);
      bytes += size;
      writeAll(file.file, data, size, beside);
    });
    put(out);
    out.flush();
    head = headOf(run, sum.value(), bytes);
    if (lseek(file.file, 0, SEEK_SET) < 0)
      throw failed("write to", beside);
    writeAll(file.file, &head, sizeof head, beside);
    if (fsync(file.file) < 0)
      throw failed("write to", beside);
  }
  if (rename(beside.c_str(), path.c_str()) < 0)
    throw failed("move into place", path);
  const Open folder(path.substr(0, path.find_last_of('/')), O_RDONLY | O_DIRECTORY);
  if (fsync(folder.file) < 0)
    throw failed("write to", path);
}

Reader readKept(const std::string &path, const std::string &run) {
  const auto file = std::make_shared<Open>(path, O_RDONLY);
  const Head head = readHead(file->file, path, run);
  if (head.bytes != sizeOf(file->file, path) - sizeof head)
    throw damagedFile(path, "it is cut off");
  Checksum sum;
  std::vector<uint8_t> piece(1 << 20);
  for (uint64_t left = head.bytes; left > 0;) {
    const auto size = static_cast<size_t>(std::min<uint64_t>(left, piece.size()));
    readAll(file->file, piece.data(), size, path);
    sum.add(piece.data(), size);
    left -= size;
  }
  if (sum.value() != head.checksum)
    throw damagedFile(path, "its checksum is another");
  if (lseek(file->file, sizeof head, SEEK_SET) < 0)
    throw failed("read", path);
  return {[file, path](uint8_t *to, size_t size) { readAll(file->file, to, size, path); }, head.bytes};
}

BlockFile::BlockFile(std::string path, const std::string &run, int64_t bytes) : path_(std::move(path)) {
  file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0)
    throw failed("open", path_);
  try {
    begin(run, bytes);
  } catch (...) {
    close(file_);
    throw;
  }
}

void BlockFile::begin(const std::string &run, int64_t bytes) {
  if (bytes == 0) {
    if (ftruncate(file_, 0) < 0)
      throw failed("write to", path_);
    const Head head = headOf(run, 0, 0);
    writeAll(file_, &head, sizeof head, path_);
    bytes_ = sizeof head;
    return;
  }
  if (sizeOf(file_, path_) < static_cast<uint64_t>(bytes))
    throw damagedFile(path_, "it is cut off");
  if (ftruncate(file_, bytes) < 0 || lseek(file_, 0, SEEK_END) < 0)
    throw failed("write to", path_);
  bytes_ = bytes;
}

BlockFile::~BlockFile() {
  if (file_ >= 0)
    close(file_);
}

void BlockFile::append(const ImageBlock &block) {
  Writer out;
  out.put(block.images.first);
  out.put(block.images.count);
  out.put(block.pixels);
  out.put(static_cast<uint64_t>(block.hot.size()));
  for (const Block &hot : block.hot)
    put(out, hot);
  put(out, block.labels);
  const std::vector<uint8_t> &bytes = out.bytes();
  const BlockHead head{checksumOf(bytes), 0, bytes.size()};
  writeAll(file_, &head, sizeof head, path_);
  writeAll(file_, bytes.data(), bytes.size(), path_);
  bytes_ += static_cast<int64_t>(sizeof head + bytes.size());
}

void BlockFile::sync() {
  if (fsync(file_) < 0)
    throw failed("write to", path_);
}

int64_t readBlocks(const std::string &path, int64_t bytes, const KeptShape &shape,
                   const std::function<void(ImageBlock)> &see) {
  const std::vector<MapShape> &layers = shape.layers;
  int64_t next = shape.first;
  const Open file(path, O_RDONLY);
  if (const Head head = readHead(file.file, path, shape.run); head.checksum || head.bytes)
    throw damagedFile(path, "it is no file of blocks");
  if (sizeOf(file.file, path) < static_cast<uint64_t>(bytes))
    throw damagedFile(path, "it is cut off");
  for (auto left = bytes - static_cast<int64_t>(sizeof(Head)); left > 0;) {
    BlockHead head;
    if (left < static_cast<int64_t>(sizeof head))
      throw damagedFile(path, "it is cut off");
    readAll(file.file, &head, sizeof head, path);
    left -= sizeof head;
    if (head.unused || head.bytes > static_cast<uint64_t>(left))
      throw damagedFile(path, "it is cut off");
    std::vector<uint8_t> data(head.bytes);
    readAll(file.file, data.data(), data.size(), path);
    left -= static_cast<int64_t>(head.bytes);
    if (checksumOf(data) != head.checksum)
      throw damagedFile(path, "its checksum is another");
    Reader in(data.data(), data.size());
    ImageBlock block;
    block.images.first = in.get<int64_t>();
    block.images.count = in.get<int64_t>();
    block.pixels = in.get<int64_t>();
    const auto hot = in.get<uint64_t>();
    bool fits = block.images.first == next && block.images.count > 0 &&
                block.images.count < (int64_t{1} << 31) && block.pixels >= 0 && hot == layers.size();
    for (size_t l = 0; fits && l < hot; l++) {
      const Block &own = block.hot.emplace_back(blockOf(in));
      fits = wellOrdered(own, static_cast<size_t>(layers[l].units * block.images.count)) &&
             allRecords(own, [&](const uint32_t *begin, const uint32_t *end) {
               return HotCells::fits(begin, end, layers[l].cells());
             });
    }
    if (fits) {
      block.labels = blockOf(in);
      const size_t records = shape.labels.size() ? static_cast<size_t>(block.images.count) : 0;
      int64_t pixels = 0;
      fits = in.left() == 0 && wellOrdered(block.labels, records) &&
             allRecords(block.labels,
                        [&](const uint32_t *begin, const uint32_t *end) {
                          if (!Segmentation::fits(begin, end, shape.labels.size()))
                            return false;
                          pixels += int64_t{begin[0]} * begin[1];
                          return true;
                        }) &&
             pixels == block.pixels;
    }
    if (!fits)
      throw damagedFile(path, "it does not fit the images, layers and labels");
    next += block.images.count;
    see(std::move(block));
  }
  return next;
}

} // namespace netdissect
