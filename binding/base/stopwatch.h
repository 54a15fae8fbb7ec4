// Adds the time of a scope to a total.
#pragma once
#include <chrono>

namespace netdissect {

/// `Total` is a double, or an atomic one that no other thread adds to.
template <class Total> class Stopwatch {
public:
  explicit Stopwatch(Total &total) : total_(total), start_(now()) {}
  ~Stopwatch() { total_ = total_ + (now() - start_); }

private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  Total &total_;
  double start_;
};

} // namespace netdissect
