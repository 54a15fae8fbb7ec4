// Counting by the kernels through the driver, which is not a real one here: what the host packs, launches and
// gives back, and what becomes of errors. The kernels are real, and run by the emulator.
#include "backend/device_count.h"
#include "backend/kernel_counter.h"
#include "base/failure.h"
#include "cuda/compile.h"
#include "cuda/fake_driver.h"
#include "random.h"
#include "store/hot_cells.h"
#include <doctest/doctest.h>

using namespace netdissect;

namespace {

/// What is kept of some images in two blocks, two layers, and their labels on grids of two sizes.
struct Kept {
  std::vector<int64_t> sizes{5, 3};
  LabelTable table{{1, 5, 300, 301, 302, 65535}, {0, 1, 1, 2, 2, 2}, 3};
  SpillFile file{"/tmp"};
  struct Layer {
    MapGeometry geometry;
    int64_t units;
    std::vector<float> thresholds;
    std::vector<Block> blocks;
  };
  std::vector<Layer> layers;
  std::unique_ptr<LabelledImages> images;

  Kept() {
    Random random(5);
    for (const auto &[units, height, width] : {std::tuple<int64_t, int, int>{11, 6, 7}, {3, 1, 1}}) {
      Layer &layer = layers.emplace_back(Layer{{height, width, std::nullopt, 60, 60}, units, {}, {}});
      HotCells cells(height, width);
      for (int64_t unit = 0; unit < units; unit++)
        layer.thresholds.push_back(static_cast<float>(0.4 + 0.2 * random.normal()));
      for (const int64_t size : sizes) {
        Block &block = layer.blocks.emplace_back();
        for (int64_t unit = 0; unit < units; unit++)
          for (int64_t i = 0; i < size; i++) {
            std::vector<float> map(static_cast<size_t>(height) * width);
            for (float &value : map)
              value = static_cast<float>(random.normal());
            cells.encode(map.data(), 0, block.words);
            block.ends.push_back(static_cast<uint32_t>(block.words.size()));
          }
      }
    }
    std::vector<LabelPlanes> planes;
    std::vector<std::vector<uint32_t>> areas;
    for (int64_t i = 0; i < sizes[0] + sizes[1]; i++) {
      LabelMaps maps;
      maps.height = i % 3 ? 31 : 12;
      maps.width = i % 3 ? 45 : 70;
      std::vector<uint16_t> numbers(static_cast<size_t>(maps.height) * maps.width);
      for (uint16_t &number : numbers)
        number = i == 2 ? 0 : table.numbers[random.below(6)]; // an image without labels
      LabelMap map;
      map.numbers = numbers.data();
      maps.maps = {map};
      Words record;
      packSegmentation(maps, table, record);
      planes.emplace_back(Segmentation(record.data()));
      areas.push_back(planes.back().areas());
    }
    images = std::make_unique<LabelledImages>(std::move(planes), table, std::move(areas));
  }

  /// Everything that a way of counting makes, as bytes.
  template <class Count> std::vector<uint8_t> countBy(Count count, bool squares = true) {
    std::vector<LayerTally> tallies;
    std::vector<LayerCount> counts;
    for (const Layer &layer : layers) {
      tallies.emplace_back(layer.units, table);
      if (squares)
        tallies.back().sumSquares();
    }
    for (size_t l = 0; l < layers.size(); l++) {
      std::vector<BlockView> hot;
      for (const Block &block : layers[l].blocks)
        hot.emplace_back(block, file);
      counts.push_back({layers[l].geometry, layers[l].thresholds, std::move(hot), tallies[l]});
    }
    count(*images, sizes, counts);
    Writer out;
    for (const LayerTally &tally : tallies)
      tally.save(out);
    return out.bytes();
  }
  std::vector<uint8_t> byProcessor(bool squares = true) {
    return countBy([](auto &...given) { cpuBackend()->count(given...); }, squares);
  }
};

struct OnFake {
  FakeDriver fake;
  CudaDriver table = fake.table();
  std::vector<std::string> notices;

  KernelOptions options(int64_t memory = int64_t{1} << 30) {
    KernelOptions options;
    options.memory = memory;
    options.sources = {{"the compiled ones", [](const CudaDevice &) { return std::string("compiled"); }},
                       {"those of NVRTC", [](const CudaDevice &) { return std::string("at run time"); }}};
    options.notice = [this](const std::string &notice) { notices.push_back(notice); };
    return options;
  }
  DeviceCount count(int64_t memory = int64_t{1} << 30) {
    return DeviceCount({{"the kernels", [this, memory] { return kernelCounter(table, options(memory)); }}},
                       [this](const std::string &notice) { notices.push_back(notice); });
  }
};

std::string failureOf(const std::function<void()> &work) {
  try {
    work();
  } catch (const Failure &failure) {
    return failure.code + ": " + failure.what();
  }
  return "";
}

} // namespace

TEST_CASE("tallies by the kernels are the processor's, bit for bit, and nothing is held in the end") {
  Kept kept;
  for (const bool squares : {true, false}) {
    OnFake on;
    {
      DeviceCount count = on.count();
      CHECK(kept.countBy([&](auto &...given) { count.count(given...); }, squares) ==
            kept.byProcessor(squares));
      CHECK(count.how() == "the kernels (the compiled ones)");
    }
    CHECK(on.notices.empty());
    CHECK(on.fake.image == "compiled");
    CHECK(on.fake.held() == "");
    for (const FakeDriver::Launch &launch : on.fake.launches) {
      CHECK(launch.threads == 256);
      CHECK(launch.sharedBytes == (launch.kernel == "netdissectCount" ? 16384u : 0u));
    }
    // the sample of the self-check; then two layers on two sizes of grid
    CHECK(on.fake.launches.size() == 2 * (1 + 4));
    CHECK(on.fake.launches[0].kernel == "netdissectExpand");
    CHECK(on.fake.launches[1].kernel == "netdissectCount");
  }
}

TEST_CASE("what is counted goes to the device in parts that its memory holds") {
  Kept kept;
  const std::vector<uint8_t> expected = kept.byProcessor();
  OnFake on;
  for (const int64_t memory : {int64_t{1}, int64_t{2000}, int64_t{20000}}) {
    DeviceCount count = on.count(memory);
    CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == expected);
    CHECK(on.fake.used() <= static_cast<size_t>(memory) + 32000); // one mask at least, and the tables
  }
  CHECK(on.notices.empty());
  CHECK(on.fake.held() == "");
}

TEST_CASE("a device that is short of memory gets smaller parts, and says so") {
  Kept kept;
  OnFake on;
  on.fake.memory = 45000;
  {
    DeviceCount count = on.count();
    CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == kept.byProcessor());
    CHECK(count.how() == "the kernels (the compiled ones)");
  }
  REQUIRE(!on.notices.empty());
  CHECK(on.notices[0] == "the GPU's memory is short: masks are counted in smaller parts");
  CHECK(on.fake.held() == "");
}

TEST_CASE("a device without memory for one mask is not used") {
  Kept kept;
  OnFake on;
  on.fake.memory = 1000;
  {
    DeviceCount count = on.count();
    CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == kept.byProcessor());
    CHECK(count.how() == "the processor");
  }
  CHECK(on.notices.back() ==
        "masks are not counted by the kernels: the GPU's memory is full: CUDA_ERROR_OUT_OF_MEMORY (as the "
        "test wants) while memory was asked for");
  CHECK(on.fake.held() == "");
}

TEST_CASE("kernels that do not load make place for those that are compiled at run time") {
  Kept kept;
  OnFake on;
  on.fake.badImages = {"compiled"};
  {
    DeviceCount count = on.count();
    CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == kept.byProcessor());
    CHECK(count.how() == "the kernels (those of NVRTC)");
  }
  CHECK(on.notices.empty());
  CHECK(on.fake.held() == "");

  OnFake none;
  none.fake.badImages = {"compiled", "at run time"};
  CHECK(failureOf([&] { kernelCounter(none.table, none.options()); }) ==
        "ERR_NETDISSECT_DEVICE: no kernels load: the compiled ones: the GPU failed while the kernels were "
        "loaded: CUDA_ERROR_NO_BINARY_FOR_GPU (as the test wants); try again, or leave it out with device: "
        "'cpu' (--no-cuda); those of NVRTC: the GPU failed while the kernels were loaded: "
        "CUDA_ERROR_NO_BINARY_FOR_GPU (as the test wants); try again, or leave it out with device: 'cpu' "
        "(--no-cuda)");
  CHECK(none.fake.held() == "");
}

TEST_CASE("every call of the driver may fail: one sentence, and nothing is held") {
  Kept kept;
  for (const char *call :
       {"init", "deviceGetCount", "primaryRetain", "streamCreate", "moduleLoadData", "memAlloc",
        "memHostAlloc", "memcpyToDevice", "launchKernel", "streamSynchronize", "memcpyToHost"}) {
    CAPTURE(call);
    // at first use: the processor counts instead
    OnFake early;
    early.fake.failures[call] = {1, FakeDriver::lost};
    {
      DeviceCount count = early.count();
      CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == kept.byProcessor());
      CHECK(count.how() == "the processor");
    }
    CHECK(early.notices.size() == 1);
    CHECK(early.notices[0].find("CUDA_ERROR_LAUNCH_FAILED") != std::string::npos);
    CHECK(early.fake.held() == "");
  }
  for (const char *call : {"memcpyToDevice", "launchKernel", "streamSynchronize", "memcpyToHost"}) {
    CAPTURE(call);
    // once it has counted: the dissection ends
    OnFake late;
    late.fake.failures[call] = {4, FakeDriver::lost};
    {
      DeviceCount count = late.count();
      const std::string failure =
          failureOf([&] { kept.countBy([&](auto &...given) { count.count(given...); }); });
      CHECK(failure.find("ERR_NETDISSECT_DEVICE: the GPU failed while ") == 0);
      CHECK(failure.find("CUDA_ERROR_LAUNCH_FAILED (as the test wants); try again") != std::string::npos);
    }
    CHECK(late.fake.held() == "");
  }
}

TEST_CASE("kernels that count wrong are found out before anything is counted") {
  Kept kept;
  OnFake on;
  on.fake.kernels.count = [](CountArgs args) {
    netdissectCount(args);
    if (threadIdx.x == 0 && blockIdx.x == 1)
      args.pixels[8]++;
  };
  DeviceCount count = on.count();
  CHECK(kept.countBy([&](auto &...given) { count.count(given...); }) == kept.byProcessor());
  CHECK(count.how() == "the processor");
  CHECK(on.notices.size() == 1);
  CHECK(on.notices[0].find("masks are not counted by the kernels: it counts wrong: a mask of ") == 0);
}

TEST_CASE("a device that is not there is named") {
  OnFake on;
  KernelOptions options = on.options();
  options.device = 1;
  CHECK(failureOf([&] { kernelCounter(on.table, options); }) ==
        "ERR_NETDISSECT_DEVICE: there is no device cuda:1; there is one, numbered from 0");
  CHECK(on.fake.held() == "");
}

TEST_CASE("where there is no driver, the reason is the system's own words") {
  CudaDriver table{};
  std::string why;
  CHECK(openCudaDriver("libnetdissect-no-such-driver.so", table, why) == nullptr);
  CHECK(why.find("there is no CUDA driver (libnetdissect-no-such-driver.so: cannot open") == 0);
  CHECK(openCudaDriver("libc.so.6", table, why) == nullptr);
  CHECK(why == "the CUDA driver is too old: it has no cuInit");
}

std::vector<std::string> nvrtcFolders() {
  const char *folder = std::getenv("NETDISSECT_NVRTC");
  return {folder ? folder : "/usr/local/cuda/lib64"};
}

bool lacksNvrtc() {
  return failureOf([] { compileCudaKernels(90, nvrtcFolders()); }).find("there is no libnvrtc") !=
         std::string::npos;
}

TEST_CASE("NVRTC, where it is, compiles the kernels for a device it knows, and for one that it does not" *
          doctest::skip(lacksNvrtc())) {
  const std::string exact = compileCudaKernels(90, nvrtcFolders());
  const std::string newer = compileCudaKernels(999, nvrtcFolders());
  CHECK(exact.substr(1, 3) == "ELF");
  CHECK(newer.find(".target sm_75") != std::string::npos);
  CHECK(newer.find(".visible .entry netdissectCount") != std::string::npos);
  CHECK(newer.find("fma.rn") == std::string::npos);
}
