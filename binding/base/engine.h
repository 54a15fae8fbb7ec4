// The thread on which a model runs: one to a model, so that OpenMP keeps one team of threads and calls follow
// each other in order.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace netdissect {

class Engine {
public:
  /// `begin` is called first, on the engine's thread.
  explicit Engine(std::function<void()> begin);
  /// Waits a little for the job in hand, which ends at the next chance; one that cannot be interrupted is
  /// left behind with the thread.
  ~Engine();

  void post(std::function<void()> job);
  /// Lets the job in hand end at the next chance, and the thread once no job waits. Waits for nothing.
  void finish();
  /// finish(), and waits so long for the thread to end. One that does not is left behind: what runs on it
  /// goes on, no other job is begun, and when the process exits it does so without destroying what that may
  /// use.
  void stop(std::chrono::milliseconds patience);
  /// Stops all engines of the process: before exit() destroys what they use.
  static void stopAll();
  /// True once the engine is to stop: long jobs look at it. Outlives the engine.
  std::shared_ptr<const std::atomic<bool>> stopping() const;

private:
  struct State;
  static void loop(const std::shared_ptr<State> &state, const std::function<void()> &begin);

  std::shared_ptr<State> state_; // the thread's, too
  std::thread thread_;
};

/// How long the end of an engine is waited for.
constexpr std::chrono::milliseconds enginePatience{500};

} // namespace netdissect
