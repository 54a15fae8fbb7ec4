#include "backend/kernel_counter.h"
#include "base/parallel.h"
#include "cuda/kernels.cuh"
#include <algorithm>
#include <cstring>

namespace netdissect {

namespace {

static_assert(sizeof(unsigned) == sizeof(uint32_t) && sizeof(unsigned long long) == sizeof(uint64_t));

/// Places in one piece of memory, that copies of it on the host and on the device have alike.
class Layout {
public:
  size_t add(size_t bytes) {
    const size_t at = bytes_;
    bytes_ += (bytes + 255) / 256 * 256;
    return at;
  }
  size_t bytes() const { return bytes_; }

private:
  size_t bytes_ = 0;
};

/// Items of some work that go to the device at once, and the images that they are on.
struct Share {
  size_t begin = 0, end = 0;
  std::vector<uint32_t> images;  // places in the work's planes
  std::vector<uint32_t> imageOf; // of each item, its place in `images`
  size_t records = 0, planes = 0, labelled = 0;
};

class KernelCounter : public MaskCounter {
public:
  KernelCounter(const CudaDriver &driver, KernelOptions options)
      : options_(std::move(options)), device_(driver, options_.device) {
    const CudaDevice::Current current(device_);
    auto held = std::make_unique<Held>(device_);
    std::string reasons;
    for (const KernelSource &source : options_.sources)
      try {
        held->module = std::make_unique<CudaModule>(
            device_, source.image(device_), std::vector<const char *>{"netdissectExpand", "netdissectCount"});
        from_ = source.name;
        break;
      } catch (const Failure &failure) {
        reasons += (reasons.empty() ? "" : "; ") + source.name + ": " + failure.what();
      }
    if (!held->module)
      throw Failure("ERR_NETDISSECT_DEVICE", "no kernels load: " + reasons);
    held_ = std::move(held);
  }
  ~KernelCounter() override {
    const CudaDevice::Current current(device_);
    held_.reset();
  }

  std::string name() const override { return "the kernels (" + from_ + ")"; }

  void count(const MaskWork &work, MaskCounts &counts) override {
    const CudaDevice::Current current(device_);
    for (size_t begin = 0; begin < work.items.size();) {
      const Share share = shareOf(work, begin);
      try {
        run(work, share, counts);
        begin = share.end;
      } catch (const OutOfDeviceMemory &) {
        held_->memory.release();
        if (share.end - share.begin == 1)
          throw;
        // half of what did not fit, from here on
        options_.memory = std::max<int64_t>(1, bytesOf(work, share) / 2);
        if (options_.notice)
          options_.notice("the GPU's memory is short: masks are counted in smaller parts");
      }
    }
  }

private:
  /// What is given back while the device is the current one.
  struct Held {
    CudaStream stream;
    CudaMemory host, memory;
    std::unique_ptr<CudaModule> module;
    explicit Held(const CudaDevice &device) : stream(device), host(device, true), memory(device, false) {}
  };

  static int64_t bytesOf(const MaskWork &work, const Share &share) {
    const size_t items = share.end - share.begin, cells = static_cast<size_t>(work.height) * work.width;
    return static_cast<int64_t>(items * (cells * sizeof(float) + 64) + share.records * sizeof(uint32_t) +
                                share.planes * sizeof(uint64_t) + share.labelled * sizeof(uint32_t));
  }

  /// As many items from `begin` on as the memory has place for, at least one.
  Share shareOf(const MaskWork &work, size_t begin) const {
    Share share;
    share.begin = share.end = begin;
    std::vector<int64_t> place(work.planes.size(), -1);
    for (; share.end < work.items.size(); share.end++) {
      const MaskItem &item = work.items[share.end];
      const LabelPlanes &planes = *work.planes[item.image];
      Share next = {share.begin, share.end + 1, {}, {}, 0, 0, 0};
      next.records = share.records + static_cast<size_t>(item.end - item.begin);
      next.planes = share.planes + (place[item.image] < 0 ? planes.bits.size() : 0);
      next.labelled = share.labelled + planes.labels.size();
      if (share.end > begin && bytesOf(work, next) > options_.memory)
        break;
      share.records = next.records;
      share.planes = next.planes;
      share.labelled = next.labelled;
      if (place[item.image] < 0) {
        place[item.image] = static_cast<int64_t>(share.images.size());
        share.images.push_back(item.image);
      }
      share.imageOf.push_back(static_cast<uint32_t>(place[item.image]));
    }
    return share;
  }

  void run(const MaskWork &work, const Share &share, MaskCounts &counts) {
    const size_t items = share.end - share.begin, images = share.images.size();
    const Grid &grid = *work.grid;
    const size_t cells = static_cast<size_t>(work.height) * work.width;
    Layout up; // goes to the device
    const size_t level = up.add(items * sizeof(float)), image = up.add(items * sizeof(uint32_t));
    const size_t recordBegin = up.add(items * sizeof(uint64_t)), recordEnd = up.add(items * sizeof(uint64_t));
    const size_t countsAt = up.add(items * sizeof(uint64_t));
    const size_t labels = up.add(images * sizeof(uint32_t)), planesAt = up.add(images * sizeof(uint64_t));
    const size_t rowLow = up.add(grid.y.low.size() * sizeof(int32_t)),
                 rowHigh = up.add(grid.y.high.size() * sizeof(int32_t)),
                 rowWeight = up.add(grid.y.weight.size() * sizeof(float)),
                 columnLow = up.add(grid.x.low.size() * sizeof(int32_t)),
                 columnHigh = up.add(grid.x.high.size() * sizeof(int32_t)),
                 columnWeight = up.add(grid.x.weight.size() * sizeof(float));
    const size_t records = up.add(share.records * sizeof(uint32_t)),
                 planes = up.add(share.planes * sizeof(uint64_t));
    Layout down; // comes back
    const size_t pixels = down.add(items * sizeof(uint32_t)),
                 labelled = down.add(share.labelled * sizeof(uint32_t));
    const size_t downAt = up.bytes(), mapsAt = downAt + down.bytes();
    held_->host.grow(std::max(up.bytes(), down.bytes()));
    held_->memory.grow(mapsAt + items * cells * sizeof(float));

    char *const host = held_->host.host();
    const auto copy = [&](size_t at, const auto &values) {
      std::memcpy(host + at, values.data(), values.size() * sizeof(values[0]));
    };
    const auto list = [&](size_t at) { return reinterpret_cast<uint64_t *>(host + at); };
    copy(image, share.imageOf);
    copy(rowLow, grid.y.low);
    copy(rowHigh, grid.y.high);
    copy(rowWeight, grid.y.weight);
    copy(columnLow, grid.x.low);
    copy(columnHigh, grid.x.high);
    copy(columnWeight, grid.x.weight);
    uint64_t word = 0;
    for (size_t i = 0; i < items; i++) {
      const MaskItem &item = work.items[share.begin + i];
      list(recordBegin)[i] = word;
      word += static_cast<uint64_t>(item.end - item.begin);
      list(recordEnd)[i] = word;
    }
    uint64_t plane = 0; // in words of 64 bits; the kernel's have 32
    for (size_t b = 0; b < images; b++) {
      list(planesAt)[b] = 2 * plane;
      plane += work.planes[share.images[b]]->bits.size();
    }
    parallelFor(static_cast<int64_t>(items), 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const MaskItem &item = work.items[share.begin + i];
        reinterpret_cast<float *>(host + level)[i] = item.level;
        list(countsAt)[i] = counts.at[share.begin + i] - counts.at[share.begin];
        std::copy(item.begin, item.end, reinterpret_cast<uint32_t *>(host + records) + list(recordBegin)[i]);
      }
    });
    parallelFor(static_cast<int64_t>(images), 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) {
        const LabelPlanes &own = *work.planes[share.images[b]];
        reinterpret_cast<uint32_t *>(host + labels)[b] = static_cast<uint32_t>(own.labels.size());
        std::copy(own.bits.begin(), own.bits.end(),
                  reinterpret_cast<uint64_t *>(host + planes) + list(planesAt)[b] / 2);
      }
    });

    const CudaDriver &driver = device_.driver;
    const CudaDriver::Address base = held_->memory.address();
    const auto on = [&](auto *&pointer, size_t at) {
      pointer = reinterpret_cast<std::decay_t<decltype(pointer)>>(base + at);
    };
    ExpandArgs expand{};
    on(expand.records, records);
    on(expand.begin, recordBegin);
    on(expand.end, recordEnd);
    on(expand.maps, mapsAt);
    expand.items = static_cast<unsigned>(items);
    expand.cells = static_cast<int>(cells);
    CountArgs count{};
    on(count.maps, mapsAt);
    on(count.level, level);
    on(count.image, image);
    on(count.countsAt, countsAt);
    on(count.labels, labels);
    on(count.planesAt, planesAt);
    on(count.planes, planes);
    on(count.rowLow, rowLow);
    on(count.rowHigh, rowHigh);
    on(count.rowWeight, rowWeight);
    on(count.columnLow, columnLow);
    on(count.columnHigh, columnHigh);
    on(count.columnWeight, columnWeight);
    on(count.pixels, downAt + pixels);
    on(count.counts, downAt + labelled);
    count.items = expand.items;
    count.cells = expand.cells;
    count.cellColumns = work.width;
    count.rows = grid.y.target;
    count.columns = grid.x.target;
    count.rowWords = 2 * grid.words();
    device_.check(driver.memcpyToDevice(base, host, up.bytes(), held_->stream.get()),
                  "masks were copied to it");
    held_->module->launch("netdissectExpand", expand.items, cudaWarps, 0, held_->stream, expand);
    held_->module->launch("netdissectCount", count.items, cudaWarps,
                          cudaWarps * cudaMaskWords * sizeof(unsigned), held_->stream, count);
    device_.check(driver.memcpyToHost(host, base + downAt, down.bytes(), held_->stream.get()),
                  "counts were copied from it");
    held_->stream.wait();
    const auto *const some = reinterpret_cast<const uint32_t *>(host + pixels);
    std::copy(some, some + items, counts.pixels.begin() + static_cast<std::ptrdiff_t>(share.begin));
    const auto *const all = reinterpret_cast<const uint32_t *>(host + labelled);
    std::copy(all, all + share.labelled,
              counts.labelled.begin() + static_cast<std::ptrdiff_t>(counts.at[share.begin]));
  }

  KernelOptions options_;
  CudaDevice device_;
  std::string from_;
  std::unique_ptr<Held> held_;
};

} // namespace

std::unique_ptr<MaskCounter> kernelCounter(const CudaDriver &driver, KernelOptions options) {
  return std::make_unique<KernelCounter>(driver, std::move(options));
}

} // namespace netdissect
