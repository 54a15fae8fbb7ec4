// The thread on which a model runs: one to a model, so that OpenMP keeps one team of threads and calls follow
// each other in order.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace netdissect {

class Engine {
public:
  /// `begin` is called first, on the engine's thread.
  explicit Engine(std::function<void()> begin);
  ~Engine();

  void post(std::function<void()> job);
  /// Lets the job in hand end at the next chance, drops none of the waiting ones, and joins the thread.
  void stop();
  /// Stops all engines of the process: before exit() destroys what they use.
  static void stopAll();
  /// True once the engine is to stop: long jobs look at it.
  const std::atomic<bool> &stopping() const { return stopping_; }

private:
  void loop(const std::function<void()> &begin);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::atomic<bool> stopping_{false};
  std::thread thread_; // last: it uses all of the above
};

} // namespace netdissect
