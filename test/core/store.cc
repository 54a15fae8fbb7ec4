// What is kept: hot cells, label maps, blocks in memory and in the temporary file.
#include "base/failure.h"
#include "kernels/kernels.h"
#include "random.h"
#include "store/hot_cells.h"
#include "store/image_store.h"
#include "store/segmentation.h"
#include <doctest/doctest.h>
#include <limits>
#include <set>

using namespace netdissect;

namespace {

/// A map with a record's cells, and everything else far under any level.
std::vector<float> plainHot(const std::vector<float> &map, int height, int width, float bound) {
  std::vector<float> out(map.size(), std::numeric_limits<float>::lowest());
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int v = std::max(0, y - 1); v <= std::min(height - 1, y + 1); v++)
        for (int u = std::max(0, x - 1); u <= std::min(width - 1, x + 1); u++)
          if (map[v * width + u] > bound)
            out[y * width + x] = map[y * width + x];
  return out;
}

} // namespace

TEST_CASE("hot cells: those over the bound and their neighbours come back, whatever was decoded before") {
  Random random(1);
  for (const auto &[height, width] :
       {std::pair{1, 1}, {1, 9}, {9, 1}, {7, 7}, {5, 63}, {5, 64}, {4, 65}, {3, 130}, {2, 1500}}) {
    HotCells cells(height, width);
    for (int round = 0; round < 20; round++) {
      std::vector<float> map(static_cast<size_t>(height) * width);
      for (float &value : map)
        value = static_cast<float>(random.normal());
      const float bound = round == 0 ? -100 : round == 1 ? 100 : static_cast<float>(random.normal() + 1);
      Words record;
      cells.encode(map.data(), bound, record);
      const float *decoded = cells.decode(record.data(), record.data() + record.size());
      const std::vector<float> expected = plainHot(map, height, width, bound);
      CHECK(std::equal(expected.begin(), expected.end(), decoded));
      if (!record.empty())
        CHECK(HotCells::largest(record.data()) == *std::max_element(map.begin(), map.end()));
      // pruned to a higher bound: as if it had been the bound at first
      Words pruned, direct;
      const float higher = bound + 0.7f;
      cells.encode(cells.decode(record.data(), record.data() + record.size()), higher, pruned);
      cells.encode(map.data(), higher, direct);
      CHECK(pruned == direct);
    }
  }
}

TEST_CASE("label maps come back as they went in, by code; what is no label is none") {
  Random random(2);
  const LabelTable table({3, 7, 255, 256, 65535}, {0, 1, 0, 1, 2}, 3);
  for (int round = 0; round < 60; round++) {
    const int height = 1 + static_cast<int>(random.below(9)), width = 1 + static_cast<int>(random.below(70));
    const size_t pixels = static_cast<size_t>(height) * width;
    const uint16_t numbers[] = {0, 3, 7, 255, 256, 65535, 4, 1};
    LabelMaps input;
    input.height = height;
    input.width = width;
    std::vector<std::vector<uint16_t>> words(random.below(4), std::vector<uint16_t>(pixels));
    std::vector<std::vector<uint8_t>> bytes;
    std::vector<std::vector<uint32_t>> expected; // numbers, a map each
    for (std::vector<uint16_t> &map : words) {
      for (uint16_t &number : map)
        number = numbers[random.below(round % 8 + 1)];
      LabelMap one;
      one.numbers = map.data();
      input.maps.push_back(one);
      expected.emplace_back(map.begin(), map.end());
    }
    LabelMap constant;
    constant.constant = numbers[random.below(8)];
    input.maps.push_back(constant);
    expected.emplace_back(pixels, constant.constant);
    for (const int channels : {1, 2, 3, 4}) {
      std::vector<uint8_t> &raw = bytes.emplace_back();
      std::vector<uint32_t> &values = expected.emplace_back();
      for (size_t i = 0; i < pixels; i++) {
        const uint16_t number = numbers[random.below(8)];
        for (int c = 0; c < channels; c++)
          raw.push_back(c == 0 ? number & 255 : c == 1 ? number >> 8 : 99);
        values.push_back(channels < 3 ? number & 255u : number);
      }
    }
    for (int i = 0; i < 4; i++) {
      LabelMap one;
      one.bytes = bytes[i].data();
      one.channels = i + 1;
      input.maps.push_back(one);
    }
    Words record{99};
    packSegmentation(input, table, record);
    const Segmentation back(record.data() + 1);
    REQUIRE(back.height == height);
    REQUIRE(back.width == width);
    REQUIRE(back.maps == expected.size());
    std::set<uint32_t> present;
    std::vector<uint16_t> map(pixels);
    for (size_t m = 0; m < expected.size(); m++) {
      back.unpack(m, map.data());
      const auto begin = static_cast<size_t>(random.below(static_cast<int64_t>(pixels)));
      const auto count = static_cast<size_t>(random.below(static_cast<int64_t>(pixels - begin) + 1));
      std::vector<uint16_t> part(count);
      back.unpack(m, part.data(), begin, count);
      CHECK(std::equal(part.begin(), part.end(), map.begin() + static_cast<int64_t>(begin)));
      for (size_t i = 0; i < pixels; i++) {
        const int32_t code = table.code(expected[m][i]);
        if (code >= 0)
          present.insert(static_cast<uint32_t>(code));
        REQUIRE((map[i] ? back.labels[map[i] - 1] : -1) == code);
      }
    }
    CHECK(std::vector<uint32_t>(present.begin(), present.end()) ==
          std::vector<uint32_t>(back.labels.begin(), back.labels.end()));
    // planes and areas
    const LabelPlanes planes(back);
    const std::vector<uint32_t> areas = planes.areas();
    for (size_t l = 0; l < back.labels.size(); l++) {
      uint32_t area = 0;
      for (size_t i = 0; i < pixels; i++) {
        bool here = false;
        for (const auto &numbersOf : expected)
          here = here || table.code(numbersOf[i]) == back.labels[l];
        area += here;
        const int y = static_cast<int>(i) / width, x = static_cast<int>(i) % width;
        CHECK((planes.row(y)[l * planes.words + x / 64] >> x % 64 & 1) == here);
      }
      CHECK(areas[l] == area);
    }
  }
}

TEST_CASE("a label table is of ascending numbers with categories that there are") {
  CHECK_THROWS_AS(LabelTable({3, 3}, {0, 0}, 1), Failure);
  CHECK_THROWS_AS(LabelTable({3, 2}, {0, 0}, 1), Failure);
  CHECK_THROWS_AS(LabelTable({0}, {0}, 1), Failure);
  CHECK_THROWS_AS(LabelTable({1}, {1}, 1), Failure);
  CHECK_THROWS_AS(LabelTable({1}, {-1}, 1), Failure);
  CHECK_THROWS_AS(LabelTable({1, 2}, {0}, 1), Failure);
  CHECK(LabelTable({2, 65535}, {0, 0}, 1).code(65535) == 1);
  CHECK(LabelTable({2}, {0}, 1).code(70000) == -1);
}

TEST_CASE("the store gives back the same whatever its memory: in memory, pruned, in the file") {
  const std::vector<MapShape> layers{{3, 6, 6}, {2, 4, 9}};
  for (const int64_t memory : {int64_t{1} << 40, int64_t{20'000}, int64_t{0}}) {
    CAPTURE(memory);
    Random random(5);
    ImageStore store(layers, memory, "/tmp");
    const LabelTable table({1, 2, 3}, {0, 0, 0}, 1);
    std::vector<std::vector<std::vector<Words>>> kept; // image, layer, unit
    std::vector<Words> labels;
    float bound = 0; // rises; a record is what it was at the last bound that it was pruned by, or before
    for (int64_t first = 0; first < 120; first += 4) {
      ImageBlock block;
      block.images = {first, 4};
      bound = static_cast<float>(first) / 100;
      for (const MapShape &layer : layers) {
        Block &hot = block.hot.emplace_back();
        HotCells cells(layer.height, layer.width);
        for (int64_t unit = 0; unit < layer.units; unit++)
          for (int64_t i = 0; i < 4; i++) {
            std::vector<float> map(layer.cells());
            for (float &value : map)
              value = static_cast<float>(random.normal());
            cells.encode(map.data(), bound, hot.words);
            hot.ends.push_back(static_cast<uint32_t>(hot.words.size()));
            Words final; // what matters in the end
            cells.encode(map.data(), 1.5f, final);
            kept.resize(first + 4, std::vector<std::vector<Words>>(layers.size()));
            kept[first + i][block.hot.size() - 1].push_back(final);
          }
      }
      for (int64_t i = 0; i < 4; i++) {
        std::vector<uint16_t> map(50);
        for (uint16_t &number : map)
          number = static_cast<uint16_t>(random.below(5));
        LabelMaps input{5, 10, {}};
        input.maps.emplace_back().numbers = map.data();
        Words record;
        packSegmentation(input, table, record);
        labels.push_back(record);
        block.labels.words.insert(block.labels.words.end(), record.begin(), record.end());
        block.labels.ends.push_back(static_cast<uint32_t>(block.labels.words.size()));
      }
      store.add(std::move(block), [&](size_t, int64_t) { return bound; });
    }
    CHECK(store.hasLabels());
    CHECK(store.hasMasks());
    CHECK((store.spilledBytes() > 0) == (memory < 1'000'000));
    CHECK((store.profile().prune > 0) == (memory < 1'000'000));
    for (size_t b = 0; b < store.blocks(); b++)
      store.setAreas(b, {{1}, {2, 3}, {}, {static_cast<uint32_t>(b)}});
    for (int64_t image = 0; image < 120; image++) {
      for (size_t l = 0; l < layers.size(); l++)
        for (int64_t unit = 0; unit < layers[l].units; unit++) {
          const Words record = store.hotOf(l, unit, image);
          const BlockView view = store.hot(static_cast<size_t>(image / 4), l);
          const size_t place = static_cast<size_t>(unit * 4 + image % 4);
          CHECK(record == Words(view.begin(place), view.end(place)));
          HotCells cells(layers[l].height, layers[l].width);
          Words final;
          cells.encode(cells.decode(record.data(), record.data() + record.size()), 1.5f, final);
          CHECK(final == kept[image][l][unit]);
        }
      CHECK(store.labelsOf(image) == labels[image]);
    }
    CHECK(store.areasOf(5) == Words{2, 3});
    CHECK(store.areasOf(6).empty());
    CHECK(store.areasOf(119) == Words{29});
  }
}

TEST_CASE("a temporary file that cannot be made is named") {
  ImageStore store({{1, 2, 2}}, 0, "/nowhere");
  ImageBlock block;
  block.images = {0, 1};
  block.hot.push_back({});
  block.hot[0].ends = {2};
  block.hot[0].words = {0x3f800000u, 0};
  try {
    store.add(std::move(block), [](size_t, int64_t) { return 0.0f; });
    FAIL("it was made");
  } catch (const Failure &failure) {
    CHECK(failure.code == "ERR_NETDISSECT_SPILL");
    CHECK(std::string(failure.what()).find("/nowhere") != std::string::npos);
  }
}
