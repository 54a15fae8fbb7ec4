// Runs a kernel for CUDA on the processor: a fiber a thread, and warps whose operations are real meetings.
// Which lane goes on is drawn by lot, so that one that should have waited for another is found out. What no
// lane may do (meet at different places, leave before a meeting) ends the launch with an exception.
#pragma once
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <ucontext.h>
#include <vector>

// AddressSanitizer would take each for a function that never returns, and clear all of the stack's memory.
#define NETDISSECT_CHANGES __attribute__((noinline, no_sanitize("address")))

namespace emulated {

struct Index {
  unsigned x = 0;
};
struct Misuse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One launch at a time.
class Launch {
public:
  static Launch &now() {
    static Launch launch;
    return launch;
  }

  int64_t meetings = 0, blocks = 0; // of all launches

  void run(unsigned gridSize, unsigned blockSize, unsigned sharedBytes, uint64_t seed,
           const std::function<void()> &kernel) {
    random_.seed(seed);
    kernel_ = &kernel;
    if (fibers_.size() < blockSize)
      fibers_.resize(blockSize);
    for (block.x = 0; block.x < gridSize; block.x++)
      runBlock(blockSize, sharedBytes);
  }

  /// Of the block: each block has a memory of its own, filled with what no kernel writes.
  unsigned *shared() { return shared_.data(); }

  /// All lanes of the warp meet here; gives back what each of them brought.
  const uint32_t *meet(int place, uint32_t mask, uint32_t value) {
    Warp &warp = warps_[current_ / 32];
    if (mask != 0xffffffffu)
      misuse_ = "a meeting of a part of a warp";
    if (!warp.arrived)
      warp.place = place;
    else if (warp.place != place)
      misuse_ = "lanes of a warp meet at different places, lines " + std::to_string(warp.place) + " and " +
                std::to_string(place);
    warp.brought[current_ % 32] = value;
    fibers_[current_].waits = true;
    if (++warp.arrived == 32) {
      meetings++;
      warp.arrived = 0;
      std::memcpy(warp.taken, warp.brought, sizeof warp.taken);
      for (unsigned lane = 0; lane < 32; lane++)
        fibers_[current_ / 32 * 32 + lane].waits = false;
    }
    leave(); // whether it has to wait or not: who goes on is drawn
    return warp.taken;
  }

  Index thread, block;

private:
  struct Fiber {
    ucontext_t context; // where it begins
    void *place[5];     // where it goes on
    std::unique_ptr<char[]> stack;
    bool begun = false, waits = false, done = false;
  };
  struct Warp {
    unsigned arrived = 0;
    int place = 0;
    uint32_t brought[32], taken[32];
  };
  static constexpr size_t stackBytes = 64 * 1024;

  static void enter() {
    Launch &launch = now();
    (*launch.kernel_)();
    launch.fibers_[launch.current_].done = true;
    launch.leave();
  }

  /// Changes places without the system's help: there are millions of these.
  NETDISSECT_CHANGES static void change(void **from, void **to) {
    if (__builtin_setjmp(from) == 0)
      jump(to);
  }
  NETDISSECT_CHANGES static void jump(void **to) { __builtin_longjmp(to, 1); }
  NETDISSECT_CHANGES void begin(Fiber &fiber) {
    if (__builtin_setjmp(scheduler_) == 0)
      setcontext(&fiber.context);
  }

  void leave() {
    const unsigned self = current_;
    change(fibers_[self].place, scheduler_);
    thread.x = self;
  }
  void goOn() {
    Fiber &fiber = fibers_[current_];
    thread.x = current_;
    if (fiber.begun)
      return change(scheduler_, fiber.place);
    fiber.begun = true;
    begin(fiber);
  }

  void runBlock(unsigned blockSize, unsigned sharedBytes) {
    constexpr uint32_t untouched = 0xdeadbeef;
    blocks++;
    misuse_.clear();
    warps_.assign(blockSize / 32, {});
    shared_ = std::vector<unsigned>(sharedBytes / 4 + 1, untouched);
    for (unsigned i = 0; i < blockSize; i++) {
      Fiber &fiber = fibers_[i];
      if (!fiber.stack)
        fiber.stack.reset(new char[stackBytes]);
      fiber.begun = fiber.waits = fiber.done = false;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = stackBytes;
      fiber.context.uc_link = nullptr;
      makecontext(&fiber.context, enter, 0);
    }
    std::vector<unsigned> ready;
    for (;;) {
      ready.clear();
      // a warp by lot, then a lane of it: warps drift apart as on a device
      unsigned live = 0;
      for (unsigned i = 0; i < blockSize; i++)
        live += !fibers_[i].done;
      if (!live)
        break;
      const auto warp = static_cast<unsigned>(random_() % warps_.size());
      unsigned gone = 0;
      for (unsigned i = warp * 32; i < warp * 32 + 32; i++) {
        gone += fibers_[i].done;
        if (!fibers_[i].done && !fibers_[i].waits)
          ready.push_back(i);
      }
      if (gone == 32)
        continue;
      if (ready.empty())
        throw Misuse("a warp waits for lanes that have left");
      // some turns with this warp
      for (uint64_t turns = 1 + random_() % 256; turns && !ready.empty(); turns--) {
        const size_t which = random_() % ready.size();
        current_ = ready[which];
        goOn();
        if (!misuse_.empty())
          throw Misuse(misuse_);
        if (warps_[warp].arrived == 0) { // a meeting is over, or nobody has come to one yet
          ready.clear();
          for (unsigned i = warp * 32; i < warp * 32 + 32; i++)
            if (!fibers_[i].done && !fibers_[i].waits)
              ready.push_back(i);
        } else if (fibers_[current_].done || fibers_[current_].waits)
          ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    if (shared_.back() != untouched)
      throw Misuse("the block wrote past its shared memory");
  }

  std::mt19937_64 random_;
  const std::function<void()> *kernel_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  std::vector<unsigned> shared_;
  void *scheduler_[5];
  unsigned current_ = 0;
  std::string misuse_;
};

inline void syncWarp(int place) { Launch::now().meet(place, 0xffffffffu, 0); }
inline unsigned ballot(int place, unsigned mask, bool vote) {
  const uint32_t *votes = Launch::now().meet(place, mask, vote);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < 32; lane++)
    bits |= votes[lane] << lane;
  return bits;
}
inline unsigned shuffle(int place, unsigned mask, unsigned value, int from) {
  return Launch::now().meet(place, mask, value)[from & 31];
}

} // namespace emulated

// What a kernel's text says.
#define NETDISSECT_KERNEL(name) inline void name
#define NETDISSECT_SHARED(name) unsigned *const name = emulated::Launch::now().shared()
#define threadIdx emulated::Launch::now().thread
#define blockIdx emulated::Launch::now().block
#define __syncwarp() emulated::syncWarp(__LINE__)
#define __ballot_sync(mask, vote) emulated::ballot(__LINE__, mask, vote)
#define __shfl_sync(mask, value, from) emulated::shuffle(__LINE__, mask, value, from)
#define __popc(word) __builtin_popcount(word)
#define __ffs(word) __builtin_ffs(static_cast<int>(word))
inline float __uint_as_float(unsigned word) {
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
