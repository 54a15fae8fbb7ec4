// Files of kept observations: what is written comes back, and what is damaged is refused before it is used.
#include "base/failure.h"
#include "random.h"
#include "store/hot_cells.h"
#include "store/kept_file.h"
#include "store/segmentation.h"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace netdissect;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/netdissect-core-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

std::string codeOf(const std::function<void()> &call) {
  try {
    call();
  } catch (const Failure &failure) {
    return failure.code;
  }
  return "none";
}

/// All that a reader has left.
std::vector<uint8_t> rest(Reader in) {
  std::vector<uint8_t> bytes(in.left());
  for (uint8_t &byte : bytes)
    byte = in.get<uint8_t>();
  return bytes;
}

const std::vector<MapShape> layers{{2, 5, 7}, {3, 2, 2}};
const std::string run(runLength, 'r'), foreign(runLength, 'f');
const LabelTable table({1, 5, 300, 65535}, {0, 1, 1, 2}, 3);

ImageBlock blockOf(Random &random, int64_t first, int64_t count) {
  ImageBlock block;
  block.images = {first, count};
  for (const MapShape &layer : layers) {
    Block &hot = block.hot.emplace_back();
    HotCells cells(layer.height, layer.width);
    std::vector<float> map(layer.cells());
    for (int64_t record = 0; record < layer.units * count; record++) {
      for (float &value : map)
        value = valueOf("normal", random);
      cells.encode(map.data(), 1, hot.words);
      hot.ends.push_back(static_cast<uint32_t>(hot.words.size()));
    }
  }
  for (int64_t i = 0; i < count; i++) {
    std::vector<std::vector<uint16_t>> numbers(random.below(3), std::vector<uint16_t>(12));
    LabelMaps maps;
    maps.height = 3;
    maps.width = 4;
    for (auto &map : numbers) {
      for (uint16_t &number : map)
        number = table.numbers[random.below(4)];
      maps.maps.emplace_back().numbers = map.data();
    }
    packSegmentation(maps, table, block.labels.words);
    block.labels.ends.push_back(static_cast<uint32_t>(block.labels.words.size()));
    block.pixels += 12;
  }
  return block;
}

bool same(const Block &one, const Block &other) { return one.ends == other.ends && one.words == other.words; }

} // namespace

TEST_CASE("blocks come back as they were written, up to where they count") {
  const Folder folder;
  const std::string path = folder.path + "/blocks";
  Random random(1);
  std::vector<ImageBlock> written;
  int64_t counted = 0;
  {
    BlockFile file(path, run, 0);
    for (int64_t i = 0; i < 5; i++) {
      written.push_back(blockOf(random, 3 * i, 3));
      file.append(written.back());
      if (i == 2)
        counted = file.bytes();
    }
    file.sync();
  }
  const auto read = [&](int64_t bytes) {
    std::vector<ImageBlock> blocks;
    readBlocks(path, bytes, {layers, table, 0, run},
               [&](ImageBlock block) { blocks.push_back(std::move(block)); });
    return blocks;
  };
  const std::vector<ImageBlock> first = read(counted);
  REQUIRE(first.size() == 3);
  for (size_t b = 0; b < first.size(); b++) {
    CHECK(first[b].images.first == written[b].images.first);
    CHECK(first[b].pixels == written[b].pixels);
    CHECK(same(first[b].labels, written[b].labels));
    for (size_t l = 0; l < layers.size(); l++)
      CHECK(same(first[b].hot[l], written[b].hot[l]));
  }
  {
    BlockFile again(path, run, counted); // what lies behind is cut off
    again.append(written[3]);
    CHECK(read(again.bytes()).size() == 4);
    CHECK(static_cast<int64_t>(std::filesystem::file_size(path)) == again.bytes());
  }
  CHECK(codeOf([&] { BlockFile(path, run, counted * 9); }) == "ERR_NETDISSECT_STORE");
  CHECK(codeOf([&] { readBlocks(path, counted, {{{2, 5, 7}}, table, 0, run}, [](ImageBlock) {}); }) ==
        "ERR_NETDISSECT_STORE");
  CHECK(codeOf([&] {
          readBlocks(path, counted, {{{2, 2, 2}, {3, 2, 2}}, table, 0, run}, [](ImageBlock) {});
        }) == "ERR_NETDISSECT_STORE");
  const LabelTable fewer({1}, {0}, 1);
  for (const KeptShape &other : {KeptShape{{}, table, 0, run}, KeptShape{layers, {}, 0, run},
                                 KeptShape{layers, table, 3, run}, KeptShape{layers, table, 0, foreign}})
    CHECK(codeOf([&] { readBlocks(path, counted, other, [](ImageBlock) {}); }) == "ERR_NETDISSECT_STORE");
  CHECK(codeOf([&] { readBlocks(path, counted, {layers, fewer, 0, run}, [](ImageBlock) {}); }) ==
        "ERR_NETDISSECT_STORE");
}

TEST_CASE("a file is the old one or the new one, and a flipped bit anywhere is found") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  std::vector<uint8_t> payload(37);
  for (size_t i = 0; i < payload.size(); i++)
    payload[i] = static_cast<uint8_t>(i * 7);
  const auto put = [&](Writer &out) {
    for (const uint8_t byte : payload)
      out.put(byte);
  };
  writeKept(path, run, [](Writer &out) { out.put(1); });
  writeKept(path, run, put);
  CHECK(rest(readKept(path, run)) == payload);
  CHECK(codeOf([&] { readKept(path, foreign); }) == "ERR_NETDISSECT_STORE");
  CHECK(!keptExists(path + ".new"));
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (size_t i = 0; i < bytes.size() * 8; i++) {
    std::string changed = bytes;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
    std::ofstream(path, std::ios::binary) << changed;
    CHECK(codeOf([&] { readKept(path, run); }) == "ERR_NETDISSECT_STORE");
  }
  for (size_t length = 0; length < bytes.size(); length++) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    CHECK(codeOf([&] { readKept(path, run); }) == "ERR_NETDISSECT_STORE");
  }
  CHECK(codeOf([&] { readKept(folder.path + "/none", run); }) == "ERR_NETDISSECT_STORE");
  CHECK(codeOf([&] { writeKept(folder.path + "/none/state", run, put); }) == "ERR_NETDISSECT_STORE");
}

TEST_CASE("what is written and read piece by piece is the same as at once") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  Writer whole;
  const auto put = [](Writer &out) {
    for (int round = 0; round < 40; round++) {
      out.put(std::vector<uint8_t>(99'991 * (round % 13), static_cast<uint8_t>(round)));
      out.put(round);
    }
  };
  put(whole);
  writeKept(path, run, put);
  CHECK(rest(readKept(path, run)) == whole.bytes());
  Reader in = readKept(path, run);
  for (int round = 0; round < 40; round++) {
    const uint64_t size = 99'991 * (round % 13);
    CHECK(in.peek<uint64_t>() == size);
    CHECK(in.peek<uint64_t>() == size);
    CHECK(in.list<uint8_t>() == std::vector<uint8_t>(size, static_cast<uint8_t>(round)));
    CHECK(in.get<int>() == round);
  }
  CHECK(in.left() == 0);
  CHECK(codeOf([&] { in.get<uint8_t>(); }) == "ERR_NETDISSECT_STORE");
  CHECK(codeOf([&] { in.peek<uint8_t>(); }) == "ERR_NETDISSECT_STORE");
}

TEST_CASE("records with any words are read or refused, never past their end") {
  Random random(2);
  for (int trial = 0; trial < 2000; trial++) {
    const ImageBlock block = blockOf(random, 0, 1);
    Words labels = block.labels.words, hot = block.hot[0].words;
    for (Words *words : {&labels, &hot})
      for (int64_t change = random.below(3); change >= 0 && !words->empty(); change--) {
        uint32_t &word = (*words)[random.below(static_cast<int64_t>(words->size()))];
        word = random.below(2) ? static_cast<uint32_t>(random.source()) : word + 1;
        if (random.below(4) == 0)
          words->resize(random.below(static_cast<int64_t>(words->size())));
      }
    if (Segmentation::fits(labels.data(), labels.data() + labels.size(), table.size())) {
      const Segmentation segmentation(labels.data());
      const size_t pixels = static_cast<size_t>(segmentation.height) * segmentation.width;
      if (pixels < 100000) {
        const LabelPlanes planes{segmentation};
        CHECK(planes.labels.size() <= table.size());
        const Words other = recoded(labels.data(), {0, -1, 1, 2});
        CHECK(Segmentation::fits(other.data(), other.data() + other.size(), 3));
      }
    }
    HotCells cells(5, 7);
    if (HotCells::fits(hot.data(), hot.data() + hot.size(), 35))
      cells.decode(hot.data(), hot.data() + hot.size());
  }
}

TEST_CASE("a record with fewer labels is that of maps without them") {
  Random random(3);
  const LabelTable fewer({1, 300}, {0, 1}, 2);
  for (int trial = 0; trial < 200; trial++) {
    const ImageBlock block = blockOf(random, 0, 1);
    const Segmentation all(block.labels.words.data());
    const Words words = recoded(block.labels.words.data(), {0, -1, 1, -1});
    REQUIRE(Segmentation::fits(words.data(), words.data() + words.size(), fewer.size()));
    const Segmentation some(words.data());
    CHECK(some.height == all.height);
    REQUIRE(some.maps == all.maps);
    std::vector<uint16_t> before(12), after(12);
    for (size_t m = 0; m < all.maps; m++) {
      all.unpack(m, before.data());
      some.unpack(m, after.data());
      for (size_t p = 0; p < 12; p++) {
        const uint16_t number = before[p] ? table.numbers[all.labels[before[p] - 1]] : 0;
        const uint16_t now = after[p] ? fewer.numbers[some.labels[after[p] - 1]] : 0;
        CHECK(now == (number == 1 || number == 300 ? number : 0));
      }
    }
  }
}
