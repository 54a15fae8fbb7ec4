#include "device/composition.h"
#include "base/failure.h"
#include "model/trouble.h"
#include "store/hot_cells.h"
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cstring>

namespace netdissect {

namespace {

/// float32 holds whole numbers up to 2^24: so many pixels are summed at once.
constexpr int64_t mostSummed = int64_t{1} << 23;

template <class T>
at::Tensor listOn(const std::vector<T> &values, at::ScalarType type, const at::Device &device) {
  return at::from_blob(const_cast<T *>(values.data()), {static_cast<int64_t>(values.size())}, type)
      .to(device);
}

class ComposedCounter : public MaskCounter {
public:
  ComposedCounter(const at::Device &device, int64_t memory) : device_(device), memory_(memory) {}

  std::string name() const override { return "LibTorch's operations on " + device_.str(); }

  void count(const MaskWork &work, MaskCounts &counts) override {
    const at::NoGradGuard noGradients;
    const int64_t pixels = int64_t{work.grid->y.target} * work.grid->x.target;
    const int64_t bytes = 40 * pixels + 16 * int64_t{work.height} * work.grid->x.target;
    for (size_t begin = 0; begin < work.items.size();) {
      const size_t some = static_cast<size_t>(std::max<int64_t>(1, memory_ / bytes));
      // of one image, whose labels they have in common
      size_t end = begin + 1;
      while (end < work.items.size() && end - begin < some &&
             work.items[end].image == work.items[begin].image)
        end++;
      try {
        run(work, begin, end, counts);
        begin = end;
      } catch (const std::exception &error) {
        const std::string message = wordsOfFullMemory(error, "while masks were counted");
        if (end - begin == 1)
          throw OutOfDeviceMemory("the GPU's memory is full while masks are counted: " + message);
        memory_ = static_cast<int64_t>(end - begin) / 2 * bytes;
      }
    }
  }

private:
  void run(const MaskWork &work, size_t begin, size_t end, MaskCounts &counts) {
    const auto items = static_cast<int64_t>(end - begin);
    const Grid &grid = *work.grid;
    const int64_t cells = int64_t{work.height} * work.width, rows = grid.y.target, columns = grid.x.target;
    std::vector<float> maps(static_cast<size_t>(items * cells)), levels;
    HotCells decoder(work.height, work.width);
    for (size_t i = begin; i < end; i++) {
      std::memcpy(maps.data() + (i - begin) * static_cast<size_t>(cells),
                  decoder.decode(work.items[i].begin, work.items[i].end),
                  static_cast<size_t>(cells) * sizeof(float));
      levels.push_back(work.items[i].level);
    }
    const at::Tensor map = listOn(maps, at::kFloat, device_).view({items, work.height, work.width});
    const at::Tensor level = listOn(levels, at::kFloat, device_).view({items, 1, 1});
    const at::Tensor left = listOn(grid.x.low, at::kInt, device_),
                     right = listOn(grid.x.high, at::kInt, device_);
    const at::Tensor top = listOn(grid.y.low, at::kInt, device_),
                     bottom = listOn(grid.y.high, at::kInt, device_);
    const at::Tensor across = listOn(grid.x.weight, at::kFloat, device_).view({1, 1, columns});
    const at::Tensor down = listOn(grid.y.weight, at::kFloat, device_).view({1, rows, 1});
    // one operation after the other, each rounded to float32, as the definition has them
    const at::Tensor from = map.index_select(2, left), to = map.index_select(2, right);
    const at::Tensor stretched = from + across * (to - from);
    const at::Tensor upper = stretched.index_select(1, top), lower = stretched.index_select(1, bottom);
    const at::Tensor over = map > level;
    const at::Tensor reached = over.index_select(2, left).logical_or(over.index_select(2, right));
    const at::Tensor mask =
        (upper + down * (lower - upper) > level)
            .logical_and(reached.index_select(1, top).logical_or(reached.index_select(1, bottom)))
            .view({items, rows * columns});
    const at::Tensor pixels = mask.sum(1, false, at::kLong).to(at::kCPU);
    for (int64_t i = 0; i < items; i++)
      counts.pixels[begin + static_cast<size_t>(i)] = static_cast<uint32_t>(pixels.data_ptr<int64_t>()[i]);
    const LabelPlanes &planes = *work.planes[work.items[begin].image];
    const auto labels = static_cast<int64_t>(planes.labels.size());
    if (!labels)
      return;
    const at::Tensor bytes = at::empty({labels, rows * columns}, at::kByte);
    auto *out = bytes.data_ptr<uint8_t>();
    for (int64_t y = 0; y < rows; y++)
      for (int64_t l = 0; l < labels; l++) {
        const uint64_t *plane = planes.row(static_cast<int>(y)) + l * planes.words;
        for (int64_t x = 0; x < columns; x++)
          out[(l * rows + y) * columns + x] = plane[x / 64] >> x % 64 & 1;
      }
    at::Tensor sums = at::zeros({items, labels}, at::TensorOptions(at::kLong).device(device_));
    for (int64_t pixel = 0; pixel < rows * columns; pixel += mostSummed) {
      const int64_t some = std::min(mostSummed, rows * columns - pixel);
      const at::Tensor labelled = bytes.narrow(1, pixel, some).to(device_).to(at::kFloat);
      sums += at::matmul(mask.narrow(1, pixel, some).to(at::kFloat), labelled.t()).to(at::kLong);
    }
    const at::Tensor here = sums.to(at::kCPU);
    const int64_t *sum = here.data_ptr<int64_t>();
    for (int64_t i = 0; i < items * labels; i++)
      counts.labelled[counts.at[begin] + static_cast<size_t>(i)] = static_cast<uint32_t>(sum[i]);
  }

  at::Device device_;
  int64_t memory_;
};

} // namespace

std::unique_ptr<MaskCounter> composedCounter(const at::Device &device, int64_t memory) {
  return std::make_unique<ComposedCounter>(device, memory);
}

} // namespace netdissect
