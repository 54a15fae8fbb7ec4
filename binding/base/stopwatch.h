// Adds the time of a scope to a total.
#pragma once
#include <chrono>

namespace netdissect {

class Stopwatch {
public:
  explicit Stopwatch(double &total) : total_(total), start_(now()) {}
  ~Stopwatch() { total_ += now() - start_; }

private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  double &total_, start_;
};

} // namespace netdissect
