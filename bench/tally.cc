// The tally of one image, alone: the engine's kernel against the same composed of LibTorch's operations
// (grid_sample, comparison, one-hot matrix product). Prints JSON: milliseconds an image, medians of interleaved runs.
#include "backend/backend.h"
#include "store/hot_cells.h"
#include <ATen/Parallel.h>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <numeric>
#include <torch/nn/functional.h>
#include <torch/torch.h>

using namespace netdissect;

namespace {

double seconds(const std::function<void()> &work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double fastest(const std::vector<double> &values) { return *std::min_element(values.begin(), values.end()); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Shape {
  int64_t units, side, target;
};

/// Smooth random maps [units, side, side] after a ReLU, and label maps with about `labels` labels.
void measure(const Shape &shape, int labels, int images) {
  const int64_t cells = shape.side * shape.side, pixels = shape.target * shape.target;
  torch::Tensor noise = torch::randn({images, shape.units, shape.side, shape.side});
  noise = torch::avg_pool2d(torch::constant_pad_nd(noise, {1, 1, 1, 1}), 3, 1);
  const torch::Tensor maps = torch::relu(noise).contiguous();
  const int64_t sorted = static_cast<int64_t>(0.995 * static_cast<double>(images * cells));
  const torch::Tensor levels =
      std::get<0>(maps.permute({1, 0, 2, 3}).reshape({shape.units, -1}).kthvalue(sorted, 1)).contiguous();

  // Three maps of rectangles, ten labels each.
  std::vector<uint16_t> numbers(labels);
  std::iota(numbers.begin(), numbers.end(), 1);
  const LabelTable table(numbers, std::vector<int32_t>(labels, 0), 1);
  std::vector<std::vector<uint16_t>> maps16(images * 3, std::vector<uint16_t>(pixels));
  for (int i = 0; i < images * 3; i++)
    for (int n = 0; n < 40; n++) {
      const int64_t y = rand() % shape.target, x = rand() % shape.target, size = 8 + rand() % (shape.target / 2);
      const auto label = static_cast<uint16_t>(1 + i % 3 * labels / 3 + rand() % (labels / 3));
      for (int64_t v = y; v < std::min(shape.target, y + size); v++)
        for (int64_t u = x; u < std::min(shape.target, x + size); u++)
          maps16[i][v * shape.target + u] = label;
    }
  std::vector<torch::Tensor> oneHot; // [labels present, pixels]
  HotCells encoder(static_cast<int>(shape.side), static_cast<int>(shape.side));
  std::vector<float> thresholds(levels.data_ptr<float>(), levels.data_ptr<float>() + shape.units);
  std::vector<LabelledImages> labelled;
  std::vector<Block> blocks(images);
  SpillFile none("");
  for (int i = 0; i < images; i++) {
    LabelMaps input{static_cast<int>(shape.target), static_cast<int>(shape.target), {}};
    torch::Tensor hotLabels = torch::zeros({labels + 1, pixels});
    for (int m = 0; m < 3; m++) {
      LabelMap map;
      map.numbers = maps16[i * 3 + m].data();
      input.maps.push_back(map);
      for (int64_t p = 0; p < pixels; p++)
        hotLabels[maps16[i * 3 + m][p]].data_ptr<float>()[p] = 1;
    }
    Words record;
    packSegmentation(input, table, record);
    labelled.emplace_back(std::vector<LabelPlanes>{LabelPlanes(Segmentation(record.data()))}, table);
    std::vector<torch::Tensor> present;
    for (const uint16_t label : labelled.back().planes[0].labels)
      present.push_back(hotLabels[label + 1]); // by number
    oneHot.push_back(torch::stack(present).contiguous());
    for (int64_t u = 0; u < shape.units; u++) {
      encoder.encode(maps.data_ptr<float>() + (i * shape.units + u) * cells, thresholds[u], blocks[i].words);
      blocks[i].ends.push_back(static_cast<uint32_t>(blocks[i].words.size()));
    }
  }

  // grid_sample's coordinates of the pixel centres.
  const torch::Tensor line = (torch::arange(shape.target, torch::kFloat) * 2 + 1) / shape.target - 1;
  const auto mesh = torch::meshgrid({line, line}, "ij");
  const torch::Tensor grid = torch::stack({mesh[1], mesh[0]}, 2).unsqueeze(0);
  namespace F = torch::nn::functional;
  const auto options =
      F::GridSampleFuncOptions().mode(torch::kBilinear).padding_mode(torch::kBorder).align_corners(false);
  const MapGeometry geometry{static_cast<int>(shape.side), static_cast<int>(shape.side), std::nullopt, 0, 0};
  std::vector<double> kernel, composition;
  const c10::InferenceMode inference;
  const std::unique_ptr<Backend> backend = cpuBackend();
  double sum = 0, counted = 0;
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < images; i++) {
      LayerTally tally(shape.units, table);
      std::vector<LayerCount> layers;
      std::vector<BlockView> view;
      view.emplace_back(blocks[i], none);
      layers.push_back({geometry, thresholds, std::move(view), tally});
      kernel.push_back(seconds([&] { backend->count(labelled[i], {1}, layers); }));
      composition.push_back(seconds([&] {
        const torch::Tensor up = F::grid_sample(maps[i].unsqueeze(0), grid, options)[0];
        const torch::Tensor mask = (up > levels.view({-1, 1, 1})).to(torch::kFloat).view({shape.units, -1});
        const torch::Tensor counts = torch::mm(oneHot[i], mask.t());
        sum += counts.sum().item<double>();
      }));
      for (const int64_t value : tally.intersections)
        counted += static_cast<double>(value);
    }
  const double ours = median(kernel) * 1e3, theirs = median(composition) * 1e3;
  double present = 0;
  for (const LabelledImages &image : labelled)
    present += static_cast<double>(image.planes[0].labels.size()) / images;
  std::cout << "{\"units\": " << shape.units << ", \"side\": " << shape.side << ", \"target\": " << shape.target
            << ", \"labels\": " << present << ", \"kernel_ms\": " << ours << ", \"composition_ms\": " << theirs
            << ", \"ratio\": " << theirs / ours
            << ", \"fastest_ratio\": " << fastest(composition) / fastest(kernel) << ", \"count_difference\": " << counted / sum - 1 << "}" << std::endl;
}

} // namespace

int main() {
  at::set_num_threads(2);
  torch::manual_seed(0);
  srand(0);
  measure({512, 13, 113}, 30, 16);
  measure({64, 56, 112}, 30, 16);
  return 0;
}
