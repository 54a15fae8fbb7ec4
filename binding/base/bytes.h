// Numbers to bytes and back, as this machine has them in memory: what is saved in parts of a run is read
// again.
#pragma once
#include "base/failure.h"
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
  Reader(const uint8_t *bytes, size_t size) : at_(bytes), left_(size) {}

  template <class T> T get() {
    T value;
    take(&value, sizeof(T));
    return value;
  }
  /// The number that comes next, which stays.
  template <class T> T peek() const { return Reader(*this).get<T>(); }
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
    if (bytes)
      std::memcpy(to, at_, bytes);
    at_ += bytes;
    left_ -= bytes;
  }

  const uint8_t *at_;
  size_t left_;
};

} // namespace netdissect
