// The kernels as the tests run them, and memory that tells where they write past what they have.
#pragma once
#include "cuda/emulator.h"
// after it, since it says what a kernel is
#include "cuda/kernels.cuh"

/// Of one text.
struct Kernels {
  void (*expand)(netdissect::ExpandArgs);
  void (*count)(netdissect::CountArgs);

  void runExpand(const netdissect::ExpandArgs &args, uint64_t seed) const {
    launch(args.items, seed, [&] { expand(args); });
  }
  void runCount(const netdissect::CountArgs &args, uint64_t seed) const {
    launch(args.items, seed, [&] { count(args); });
  }

private:
  static void launch(unsigned items, uint64_t seed, const std::function<void()> &kernel) {
    constexpr unsigned warps = netdissect::cudaWarps;
    emulated::Launch::now().run((items + warps - 1) / warps, warps * 32,
                                warps * netdissect::cudaMaskWords * 4, seed, kernel);
  }
};

/// Memory of a device, with more of it on both sides. What lies there is 0 in what is read, so that a fault
/// reads wrong numbers and not what ends the program, and in what is written shows whether it was.
template <class T> class Guarded {
public:
  explicit Guarded(std::vector<T> values) : size_(values.size()), all_(size_ + 2 * guard, T{}) {
    std::copy(values.begin(), values.end(), all_.begin() + guard);
  }
  static Guarded output(size_t size) {
    Guarded result{std::vector<T>(size)};
    for (T &value : result.all_)
      std::memset(&value, 0xa5, sizeof value);
    result.written_ = result.all_;
    return result;
  }
  T *data() { return all_.data() + guard; }
  T operator[](size_t i) const { return all_[guard + i]; }
  bool intact() const {
    return std::memcmp(all_.data(), written_.data(), guard * sizeof(T)) == 0 &&
           std::memcmp(all_.data() + guard + size_, written_.data(), guard * sizeof(T)) == 0;
  }

private:
  static constexpr size_t guard = 256;
  size_t size_;
  std::vector<T> all_, written_;
};
