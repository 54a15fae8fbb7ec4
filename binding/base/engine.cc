#include "base/engine.h"
#include <set>

namespace netdissect {

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
} // namespace

Engine::Engine(std::function<void()> begin) : thread_([this, begin = std::move(begin)] { loop(begin); }) {
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
  stop();
}

void Engine::stopAll() {
  Registry &registry = Registry::get();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  for (Engine *engine : registry.engines)
    engine->stop();
}

void Engine::post(std::function<void()> job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Engine::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void Engine::loop(const std::function<void()> &begin) {
  begin();
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty())
        return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

} // namespace netdissect
