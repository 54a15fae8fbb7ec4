#include "device/device_backend.h"
#include "backend/device_count.h"
#include "backend/kernel_counter.h"
#include "base/parallel.h"
#include "cuda/compile.h"
#include "device/composition.h"
#include "device/device_tail.h"
#include "device/select.h"
#include "model/gpu_path.h"
#include "model/trouble.h"
#include "store/hot_cells.h"
#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <dlfcn.h>
#include <fstream>
#include <limits>
#include <sstream>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
#include <ATen/DeviceAccelerator.h>
#endif

namespace netdissect {

namespace {

/// Bytes of a device that choosing cells takes at most, while there are that many.
constexpr int64_t selectMemory = int64_t{256} << 20;
/// Of those that are free in the beginning, the part that values which decide levels may take, and of those
/// that are free then, those that wait.
constexpr int64_t tailShare = 4, waitShare = 4;
/// And what counting may take of those that are free when it begins, and at most.
constexpr int64_t mostCountMemory = int64_t{1} << 30;

std::string folderOf(const void *symbol) {
  Dl_info info;
  if (!dladdr(symbol, &info) || !info.dli_fname)
    return "";
  const std::string file = info.dli_fname;
  const size_t slash = file.find_last_of('/');
  return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

/// Kernels that were compiled with the addon, beside it.
std::string compiledKernels(const CudaDevice &) {
  const std::string path =
      folderOf(reinterpret_cast<const void *>(&compiledKernels)) + "netdissect_cuda.fatbin";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || bytes.str().empty())
    throw Failure("ERR_NETDISSECT_DEVICE", "there is no " + path);
  return bytes.str();
}

std::string kernelsOfNow(const CudaDevice &device) {
  const std::string libtorch = folderOf(reinterpret_cast<const void *>(&at::globalContext));
  return compileCudaKernels(device.capability(), {libtorch, libtorch + "../../nvidia/cu13/lib",
                                                  libtorch + "../../nvidia/cuda_nvrtc/lib"});
}

class DeviceBackend : public Backend {
public:
  explicit DeviceBackend(at::Device device) : device_(device), processor_(cpuBackend()) {
    if (const std::optional<GpuPath> way = gpuPath(); way && device_.is_cpu()) {
      tailMemory_ = way->levels;
      selectMemory_ = takeMemory_ = way->select;
      waitMemory_ = way->wait;
    }
    std::vector<CounterWay> ways;
    if (device_.is_cuda())
      ways.push_back({"the kernels", [this] { return kernels(); }});
    ways.push_back({"LibTorch's operations", [this] { return composedCounter(device_, selectMemory_); }});
    count_ =
        std::make_unique<DeviceCount>(std::move(ways), [this](const std::string &notice) { say(notice); });
  }

  void tell(std::function<void(const std::string &)> notice) override { notice_ = std::move(notice); }

  std::unique_ptr<Tail> upperTail(int64_t units, int64_t n, double quantile, int64_t atOnce) const override {
    if (tailMemory_ < 0)
      tailMemory_ = freeMemory() / tailShare;
    const int64_t bytes = DeviceTail::bytes(units, n, quantile, atOnce);
    if (bytes > tailMemory_)
      return nullptr;
    try {
      auto tail = std::make_unique<DeviceTail>(device_, units, n, quantile, atOnce);
      tailMemory_ -= bytes;
      return tail;
    } catch (const std::exception &error) {
      wordsOfFullMemory(error, "in the beginning");
      return nullptr;
    }
  }

  void take(const UnitBatch &units, Tail &tail) const override {
    auto *const own = dynamic_cast<DeviceTail *>(&tail);
    if (!own)
      return;
    const int64_t values = units.count * units.height * units.width;
    const int64_t bytes = static_cast<int64_t>(sizeof(float)) * values + own->bytesToTake(values);
    inParts(
        own->next(), units.units, bytes, takeMemory_,
        [&](int64_t begin, int64_t some) { own->take(byUnit(units, begin, some)); }, [](int64_t, int64_t) {});
  }

  void taken(Tail &tail) const override {
    if (auto *const own = dynamic_cast<DeviceTail *>(&tail))
      own->taken();
  }

  void own(UnitBatch &units) const override {
    const auto &values = *static_cast<const at::Tensor *>(units.owner.get());
    // What a model holds, too, it can write to in its next forward; and a part of a larger tensor holds all
    // of it.
    if (values.use_count() == 1 && values.storage().use_count() == 1 &&
        values.storage().nbytes() < 2 * values.nbytes())
      return;
    try {
      units.owner = std::make_shared<at::Tensor>(values.clone());
    } catch (const std::exception &error) {
      throw OutOfDeviceMemory("the GPU's memory is full while activations wait: " +
                              wordsOfFullMemory(error, "while activations were copied"));
    }
  }

  int64_t bytesToWait(const std::vector<const Tail *> &tails) const override {
    for (const Tail *tail : tails)
      if (!dynamic_cast<const DeviceTail *>(tail))
        return 0; // a bound that rises with what is selected alone
    return waitMemory_ < 0 ? freeMemory() / waitShare : waitMemory_;
  }

  void bin(const UnitBatch &units, RadixBins &bins) const override {
    processor_->bin(units.values ? units : onHost(units), bins);
  }

  std::optional<BadValue> select(const UnitBatch &units, int64_t firstImage, Tail &tail, TopImages &top,
                                 ImageMaxima *maxima, Block *hot) const override {
    if (units.values)
      return processor_->select(units, firstImage, tail, top, maxima, hot);
    std::optional<BadValue> bad;
    Selected selected;
    inParts(
        0, units.units, selectBytes * units.count * units.height * units.width, selectMemory_,
        [&](int64_t begin, int64_t some) {
          std::vector<float> bounds;
          for (int64_t unit = begin; unit < begin + some; unit++)
            bounds.push_back(tail.bound(unit));
          selected = selectOn(byUnit(units, begin, some).view({some, units.count, units.height, units.width}),
                              bounds, std::min(top.k(), units.count), maxima != nullptr);
        },
        [&](int64_t begin, int64_t some) {
          look(selected, units, begin, some, firstImage, {tail, top, maxima}, hot, bad);
        });
    return bad;
  }

  void count(const LabelledImages &images, const std::vector<int64_t> &sizes,
             std::vector<LayerCount> &layers) const override {
    count_->count(images, sizes, layers);
  }

private:
  struct Statistics {
    Tail &tail;
    TopImages &top;
    ImageMaxima *maxima;
  };

  void say(const std::string &notice) const {
    if (notice_)
      notice_(notice);
  }

  /// Calls `work`, and then `done`, for some units [begin, begin + some) after the others. `bytes` of the
  /// device are what `work` takes for a unit; where there are not as many it is called again for fewer units.
  template <class Work, class Done>
  void inParts(int64_t begin, int64_t units, int64_t bytes, int64_t &memory, const Work &work,
               const Done &done) const {
    while (begin < units) {
      const int64_t some = std::min(units - begin, std::max<int64_t>(1, memory / bytes));
      try {
        work(begin, some);
      } catch (const std::exception &error) {
        const std::string message = wordsOfFullMemory(error, "while cells were chosen");
        if (some == 1)
          throw OutOfDeviceMemory("the GPU's memory is full while cells are chosen: " + message);
        memory = some / 2 * bytes;
        say("the GPU's memory is short: cells are chosen in smaller parts");
        continue;
      }
      done(begin, some);
      begin += some;
    }
  }

  /// Values [units, images · height · width] of some units, in C order.
  static at::Tensor byUnit(const UnitBatch &units, int64_t begin, int64_t some) {
    return mapsOf(units).narrow(1, begin, some).permute({1, 0, 2, 3}).contiguous().view({some, -1});
  }

  static at::Tensor mapsOf(const UnitBatch &units) {
    return static_cast<const at::Tensor *>(units.owner.get())->narrow(0, 0, units.count);
  }

  static UnitBatch onHost(const UnitBatch &units) {
    const auto owner = std::make_shared<at::Tensor>(mapsOf(units).to(at::kCPU).contiguous());
    UnitBatch here = units;
    here.values = owner->data_ptr<float>();
    here.owner = owner;
    return here;
  }

  /// Shows what was chosen of units [begin, begin + some) to the statistics and packs it.
  static void look(const Selected &selected, const UnitBatch &units, int64_t begin, int64_t some,
                   int64_t firstImage, const Statistics &statistics, Block *hot,
                   std::optional<BadValue> &bad) {
    const int64_t images = units.count;
    for (int64_t map = 0; map < static_cast<int64_t>(selected.smallest.size()); map++)
      if (!std::isfinite(selected.smallest[map]) || !std::isfinite(selected.largest[map])) {
        const BadValue found{firstImage + map % images, begin + map / images};
        if (!bad || found.image < bad->image || (found.image == bad->image && found.unit < bad->unit))
          bad = found;
      }
    if (bad)
      return;
    const int64_t top = static_cast<int64_t>(selected.topImages.size()) / some;
    std::vector<Words> records(static_cast<size_t>(some)), ends(static_cast<size_t>(some));
    parallelFor(some, 1, [&](int64_t from, int64_t to) {
      HotCells encoder(units.height, units.width);
      constexpr float farUnder = std::numeric_limits<float>::lowest();
      std::vector<float> whole(static_cast<size_t>(units.height) * units.width, farUnder);
      for (int64_t u = from; u < to; u++) {
        const int64_t unit = begin + u;
        const auto rangeOf = [&](int64_t i) {
          const int64_t map = u * images + i;
          return std::pair{map ? selected.ends[map - 1] : 0, selected.ends[map]};
        };
        for (int64_t i = u * top; i < (u + 1) * top; i++)
          statistics.top.observe(
              {unit, firstImage + selected.topImages[i], nullptr, 0, {selected.topValues[i], true, 0}});
        for (int64_t i = 0; i < images; i++) {
          const auto [first, last] = rangeOf(i);
          // of all statistics maxima alone look at it
          const float largest = statistics.maxima ? selected.largest[u * images + i] : 0;
          const UnitMap map{unit,
                            firstImage + i,
                            selected.values.data() + first,
                            static_cast<size_t>(last - first),
                            {largest, true, static_cast<uint32_t>(last - first)}};
          if (statistics.maxima)
            statistics.maxima->observe(map);
          statistics.tail.observe(map);
        }
        for (int64_t i = 0; hot && i < images; i++) {
          const auto [first, last] = rangeOf(i);
          if (first != last) {
            for (int64_t at = first; at < last; at++)
              whole[selected.cells[at]] = selected.values[at];
            encoder.encode(whole.data(), statistics.tail.bound(unit), records[u]);
            for (int64_t at = first; at < last; at++)
              whole[selected.cells[at]] = farUnder;
          }
          ends[u].push_back(static_cast<uint32_t>(records[u].size()));
        }
      }
    });
    for (int64_t u = 0; hot && u < some; u++) {
      if (hot->words.size() + records[u].size() > UINT32_MAX)
        throw Failure("ERR_NETDISSECT_OPTION", "too many activations in one forward; lower forwardSize");
      const auto base = static_cast<uint32_t>(hot->words.size());
      for (const uint32_t end : ends[u])
        hot->ends.push_back(base + end);
      hot->words.insert(hot->words.end(), records[u].begin(), records[u].end());
    }
  }

  const CudaDriver &driver() const {
    std::string why;
    const CudaDriver *driver = cudaDriver(why);
    if (!driver)
      throw Failure("ERR_NETDISSECT_DEVICE", why);
    return *driver;
  }

  /// Bytes of the device.
  int64_t freeMemory() const {
    if (!device_.is_cuda())
      return 0;
    const CudaDevice device(driver(), device_.index());
    const CudaDevice::Current current(device);
    return device.freeBytes();
  }

  std::unique_ptr<MaskCounter> kernels() const {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
    at::getDeviceAllocator(at::kCUDA)->emptyCache(); // what LibTorch has freed and kept
#endif
    KernelOptions options;
    options.device = device_.index();
    options.sources = {{"compiled beforehand", compiledKernels}, {"compiled by NVRTC", kernelsOfNow}};
    options.notice = [this](const std::string &notice) { say(notice); };
    options.memory = std::min(mostCountMemory, freeMemory() / 2);
    return kernelCounter(driver(), std::move(options));
  }

  at::Device device_;
  std::function<void(const std::string &)> notice_;
  std::unique_ptr<Backend> processor_;
  std::unique_ptr<DeviceCount> count_;
  mutable int64_t selectMemory_ = selectMemory, takeMemory_ = selectMemory;
  mutable int64_t tailMemory_ = -1; // under 0: not asked yet
  int64_t waitMemory_ = -1;         // under 0: as much as there is then
};

} // namespace

std::unique_ptr<Backend> deviceBackend(const std::string &device) {
  return std::make_unique<DeviceBackend>(at::Device(device));
}

} // namespace netdissect
