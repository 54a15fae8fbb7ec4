// Numbers to bytes and back, as this machine has them in memory: what is saved in parts of a run is read
// again.
#pragma once
#include "base/failure.h"
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace netdissect {

class Writer {
public:
  using Sink = std::function<void(const uint8_t *bytes, size_t size)>;

  Writer() = default;
  /// Hands on what is put, piece by piece, and the last one by flush().
  explicit Writer(Sink sink) : sink_(std::move(sink)) {}

  template <class T> void put(const T &value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(&value, sizeof(T));
  }
  template <class T> void put(const std::vector<T> &values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put(static_cast<uint64_t>(values.size()));
    append(values.data(), values.size() * sizeof(T));
  }
  void flush() {
    if (sink_ && !bytes_.empty())
      sink_(bytes_.data(), bytes_.size());
    if (sink_)
      bytes_.clear();
  }
  /// All of it where there is no sink.
  const std::vector<uint8_t> &bytes() const { return bytes_; }

private:
  static constexpr size_t piece = 1 << 20;

  void append(const void *from, size_t size) {
    if (sink_ && bytes_.size() + size > piece)
      flush();
    if (sink_ && size > piece)
      return sink_(static_cast<const uint8_t *>(from), size);
    const size_t at = bytes_.size();
    bytes_.resize(at + size);
    if (size)
      std::memcpy(bytes_.data() + at, from, size);
  }

  Sink sink_;
  std::vector<uint8_t> bytes_;
};

/// Reads what a Writer wrote; throws where there is less, or something else is expected.
class Reader {
public:
  using Source = std::function<void(uint8_t *to, size_t size)>;

  Reader(const uint8_t *bytes, size_t size) : at_(bytes), ready_(size), left_(size) {}
  /// So many bytes of a source, which gives them piece by piece.
  Reader(Source source, size_t size) : source_(std::move(source)), left_(size) {}
  Reader(Reader &&) = default;

  template <class T> T get() {
    T value;
    take(&value, sizeof(T));
    return value;
  }
  /// The number that comes next, which stays.
  template <class T> T peek() {
    T value;
    if (sizeof(T) > left_)
      throw cut();
    if (sizeof(T) > ready_)
      refill();
    std::memcpy(&value, at_, sizeof(T));
    return value;
  }
  template <class T> std::vector<T> list() {
    const auto size = get<uint64_t>();
    if (size > left_ / sizeof(T))
      throw cut();
    std::vector<T> values(size);
    take(values.data(), size * sizeof(T));
    return values;
  }
  /// A number that has to be this one: what the reader is was made for it.
  template <class T> void expect(const T &value, const char *what) {
    if (get<T>() != value)
      throw Failure("ERR_NETDISSECT_STORE", std::string("what was saved has another ") + what);
  }
  size_t left() const { return left_; }

private:
  static Failure cut() { return Failure("ERR_NETDISSECT_STORE", "what was saved is cut off"); }
  void take(void *to, size_t bytes) {
    if (bytes > left_)
      throw cut();
    auto *next = static_cast<uint8_t *>(to);
    while (bytes > 0) {
      if (!ready_ && bytes >= piece) {
        source_(next, bytes);
        left_ -= bytes;
        return;
      }
      if (!ready_)
        refill();
      const size_t size = std::min(bytes, ready_);
      std::memcpy(next, at_, size);
      next += size;
      at_ += size;
      ready_ -= size;
      left_ -= size;
      bytes -= size;
    }
  }
  /// Puts what is ready and what comes next into the buffer.
  void refill() {
    std::vector<uint8_t> buffer(std::min(ready_ + piece, left_));
    if (ready_)
      std::memcpy(buffer.data(), at_, ready_);
    source_(buffer.data() + ready_, buffer.size() - ready_);
    buffer_ = std::move(buffer);
    at_ = buffer_.data();
    ready_ = buffer_.size();
  }

  static constexpr size_t piece = 1 << 20;

  Source source_; // none where all is ready
  std::vector<uint8_t> buffer_;
  const uint8_t *at_ = nullptr;
  size_t ready_ = 0, left_; // bytes at `at_`, and all that are left
};

} // namespace netdissect
