#include "base/engine.h"
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <set>
#include <unistd.h>

namespace netdissect {

struct Engine::State {
  std::mutex mutex;
  std::condition_variable wake, ended;
  std::deque<std::function<void()>> jobs;
  std::atomic<bool> stopping{false};
  bool abandoned = false, over = false;
};

namespace {

/// All engines; never destroyed, since it is used while the process exits.
struct Registry {
  std::mutex mutex;
  std::set<Engine *> engines;
  static Registry &get() {
    static auto *registry = new Registry;
    return *registry;
  }
};

std::atomic<int> leftBehind{0}; // threads that still run

void endAtOnce(int status) {
  if (leftBehind > 0)
    _exit(status);
}

/// exit() calls last what was registered first, so that nothing of LibTorch is destroyed before this.
void exitWithoutDestructors() {
#ifdef __GLIBC__
  on_exit([](int status, void *) { endAtOnce(status); }, nullptr);
#else
  std::atexit([] { endAtOnce(EXIT_FAILURE); });
#endif
}

} // namespace

Engine::Engine(std::function<void()> begin) : state_(std::make_shared<State>()) {
  thread_ = std::thread([state = state_, begin = std::move(begin)] { loop(state, begin); });
  Registry &registry = Registry::get();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  registry.engines.insert(this);
}

Engine::~Engine() {
  {
    Registry &registry = Registry::get();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    registry.engines.erase(this);
  }
  stop(enginePatience);
}

void Engine::stopAll() {
  Registry &registry = Registry::get();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  for (Engine *engine : registry.engines)
    engine->finish();
  for (Engine *engine : registry.engines)
    engine->stop(enginePatience);
}

std::shared_ptr<const std::atomic<bool>> Engine::stopping() const { return {state_, &state_->stopping}; }

void Engine::post(std::function<void()> job) {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->wake.notify_one();
}

void Engine::finish() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
}

void Engine::stop(std::chrono::milliseconds patience) {
  finish();
  if (!thread_.joinable())
    return;
  if (thread_.get_id() ==
      std::this_thread::get_id()) { // a job held the last reference; its thread ends after it
    thread_.detach();
    return;
  }
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (state_->ended.wait_for(lock, patience, [this] { return state_->over; })) {
    lock.unlock();
    thread_.join();
    return;
  }
  state_->abandoned = true;
  if (leftBehind++ == 0)
    exitWithoutDestructors();
  thread_.detach();
}

void Engine::loop(const std::shared_ptr<State> &state, const std::function<void()> &begin) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "netdissect"); // as tools list it
#endif
  begin();
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock<std::mutex> lock(state->mutex);
      state->wake.wait(lock, [&] { return state->stopping || !state->jobs.empty(); });
      if (state->jobs.empty() || state->abandoned) {
        state->over = true;
        if (state->abandoned)
          leftBehind--;
        state->ended.notify_all();
        return;
      }
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    job();
  }
}

} // namespace netdissect
