// A whole dissection of units that a test makes up, against the plain definition.
#include "base/failure.h"
#include "pictures/drawing.h"
#include "pictures/sheets.h"
#include "pictures/strips.h"
#include "random.h"
#include "run/dissection.h"
#include "worth/recount.h"
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <set>

using namespace netdissect;

namespace {

struct Layer {
  int64_t units;
  int height, width;
  bool unitsLast;
};

/// A data set and what every layer's units give on it.
struct Case {
  int64_t images;
  std::vector<Layer> layers;
  double quantile = 0.05;
  int64_t height = 12, width = 10;                     // of images
  std::vector<std::vector<std::vector<float>>> values; // layer, image: [units, cells]
  std::vector<std::pair<int, int>> sizes;
  std::vector<std::vector<std::vector<uint16_t>>> maps; // image, map
  std::vector<uint16_t> numbers{1, 5, 300, 65535};
  std::vector<int32_t> category{0, 1, 1, 2};

  Case(uint64_t seed, const std::string &kind, int64_t images, std::vector<Layer> of)
      : images(images), layers(std::move(of)) {
    Random random(seed);
    for (const Layer &layer : layers) {
      auto &all = values.emplace_back();
      for (int64_t i = 0; i < images; i++) {
        auto &one = all.emplace_back(layer.units * layer.height * layer.width);
        for (float &value : one)
          value = valueOf(kind, random);
      }
    }
    for (int64_t i = 0; i < images; i++) {
      sizes.push_back(i % 3 ? std::pair{9, 13} : std::pair{20, 70});
      auto &own = maps.emplace_back(random.below(4));
      for (auto &map : own) {
        map.resize(static_cast<size_t>(sizes[i].first) * sizes[i].second);
        const uint16_t label = numbers[random.below(4)];
        for (size_t p = 0; p < map.size(); p++)
          map[p] = random.below(3) ? label : static_cast<uint16_t>(random.below(7));
      }
    }
  }
};

/// Images carry their number in their first value.
class Made : public UnitSource {
public:
  Made(const Case &data, std::vector<size_t> layers) : data_(data), layers_(std::move(layers)) {}
  std::vector<UnitBatch> run(const Images &images) override {
    std::vector<UnitBatch> result;
    for (const size_t l : layers_) {
      const Layer &layer = data_.layers[l];
      const int64_t cells = int64_t{layer.height} * layer.width, size = layer.units * cells;
      auto owner = std::make_shared<std::vector<float>>(images.count * size);
      for (int64_t i = 0; i < images.count; i++) {
        const auto number =
            static_cast<size_t>(images.floats[i * images.channels * images.height * images.width]);
        const std::vector<float> &from = data_.values[l][number];
        for (int64_t unit = 0; unit < layer.units; unit++)
          for (int64_t c = 0; c < cells; c++)
            (*owner)[i * size + (layer.unitsLast ? c * layer.units + unit : unit * cells + c)] =
                from[unit * cells + c];
      }
      UnitBatch &units = result.emplace_back();
      units.values = owner->data();
      units.owner = owner;
      units.unitsLast = layer.unitsLast;
      units.count = images.count;
      units.units = layer.units;
      units.height = layer.height;
      units.width = layer.width;
    }
    return result;
  }
  std::vector<std::string> notices() const override { return {"made up"}; }
  Geometry geometry(size_t) override { return {}; }

private:
  const Case &data_;
  std::vector<size_t> layers_;
};

OpenUnits openerOf(const Case &data) {
  return [&data](const std::vector<std::string> &names) {
    std::vector<size_t> layers;
    for (const std::string &name : names)
      layers.push_back(static_cast<size_t>(name[0] - 'a'));
    return std::make_unique<Made>(data, std::move(layers));
  };
}

/// How many forwards' values wait, of two layers, and at how many the memory of a device is full.
struct Waits {
  int64_t now = 0, most = 0, full = std::numeric_limits<int64_t>::max();
};

/// The processor as a device on which `forwards` of a case's can wait.
class Patient : public Backend {
public:
  Patient(const Case &data, int64_t forwards, Waits &waits) : waits_(waits) {
    for (const Layer &layer : data.layers)
      bytes_ += forwards * 5 * layer.units * layer.height * layer.width * 4;
  }
  void take(const UnitBatch &units, Tail &) const override {
    if (units.units == 5)
      waits_.most = std::max(waits_.most, ++waits_.now);
  }
  int64_t bytesToWait(const std::vector<const Tail *> &tails) const override {
    REQUIRE(tails.size() == 2);
    return bytes_;
  }
  void bin(const UnitBatch &units, RadixBins &bins) const override { own_->bin(units, bins); }
  std::optional<BadValue> select(const UnitBatch &units, int64_t first, Tail &tail, TopImages &top,
                                 ImageMaxima *maxima, Block *hot) const override {
    waits_.now -= units.units == 5;
    return own_->select(units, first, tail, top, maxima, hot);
  }
  void count(const LabelledImages &images, const std::vector<int64_t> &sizes,
             std::vector<LayerCount> &layers) const override {
    own_->count(images, sizes, layers);
  }

private:
  std::unique_ptr<Backend> own_ = cpuBackend();
  Waits &waits_;
  int64_t bytes_ = 0;
};

/// Finds no memory for a forward while too much waits.
class Crowded : public Made {
public:
  Crowded(const Case &data, const Waits &waits) : Made(data, {0, 1}), waits_(waits) {}
  std::vector<UnitBatch> run(const Images &images) override {
    if (waits_.now >= waits_.full)
      throw OutOfDeviceMemory("full");
    return Made::run(images);
  }

private:
  const Waits &waits_;
};

DissectionOptions optionsOf(const Case &data) {
  DissectionOptions options;
  for (size_t l = 0; l < data.layers.size(); l++)
    options.layers.push_back(std::string(1, static_cast<char>('a' + l)));
  options.images = data.images;
  options.height = data.height;
  options.width = data.width;
  options.quantile = data.quantile;
  options.topImages = 4;
  options.labels = LabelTable(data.numbers, data.category, 3);
  options.piece = 5;
  options.memory = int64_t{1} << 40;
  options.spillFolder = "/tmp";
  return options;
}

struct Prepared {
  std::vector<float> floats;
  Batch batch;
};

Prepared batchFor(const Case &data, const DissectionOptions &options, int64_t first, int64_t count,
                  bool labels) {
  Prepared result;
  const int64_t size = options.channels * data.height * data.width;
  result.floats.resize(count * size);
  result.batch.first = first;
  result.batch.images.floats = result.floats.data();
  result.batch.images.count = count;
  result.batch.images.channels = options.channels;
  result.batch.images.height = data.height;
  result.batch.images.width = data.width;
  for (int64_t i = 0; i < count; i++) {
    result.floats[i * size] = static_cast<float>(first + i);
    if (!labels)
      continue;
    LabelMaps &maps = result.batch.segmentations.emplace_back();
    maps.height = data.sizes[first + i].first;
    maps.width = data.sizes[first + i].second;
    for (const auto &map : data.maps[first + i])
      maps.maps.emplace_back().numbers = map.data();
  }
  return result;
}

const std::atomic<bool> never{false};

void observeAll(Dissection &dissection, const Case &data, int64_t step = 10) {
  for (int pass = 0; pass < dissection.passes(); pass++) {
    for (int64_t first = 0; first < data.images; first += step) {
      const Prepared some = batchFor(data, dissection.options(), first, std::min(step, data.images - first),
                                     pass + 1 == dissection.passes());
      dissection.observe(some.batch, never);
    }
    dissection.finish();
  }
}

/// The mask of a map by the definition: bilinear, borders repeated, pixel centres lined up, in float32.
std::vector<bool> plainMask(const float *map, int height, int width, double level, int rows, int columns) {
  std::vector<bool> mask(static_cast<size_t>(rows) * columns);
  const auto place = [](int t, int source, int target) {
    const double scale = static_cast<double>(target) / source, offset = scale / 2 - 0.5;
    return std::min(std::max((t - offset) / scale, 0.0), source - 1.0);
  };
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) {
      const double cy = place(y, height, rows), cx = place(x, width, columns);
      const int y0 = static_cast<int>(cy), x0 = static_cast<int>(cx);
      const int y1 = std::min(y0 + 1, height - 1), x1 = std::min(x0 + 1, width - 1);
      const auto wy = static_cast<float>(cy - y0), wx = static_cast<float>(cx - x0);
      const auto across = [&](int row) {
        const float a = map[row * width + x0], difference = map[row * width + x1] - a;
        const float product = wx * difference;
        return a + product;
      };
      const float upper = across(y0), difference = across(y1) - upper;
      const float product = wy * difference;
      mask[static_cast<size_t>(y) * columns + x] = static_cast<double>(upper + product) > level;
    }
  return mask;
}

void sameAsDefinition(const Counted &counted, const Case &data) {
  for (size_t l = 0; l < data.layers.size(); l++) {
    const Layer &layer = data.layers[l];
    const LayerResult result = counted.result(l);
    const int64_t cells = int64_t{layer.height} * layer.width;
    for (int64_t unit = 0; unit < layer.units; unit++) {
      std::vector<float> all;
      std::vector<std::pair<float, int64_t>> strongest; // minus activation, image
      for (int64_t i = 0; i < data.images; i++) {
        const float *map = data.values[l][i].data() + unit * cells;
        all.insert(all.end(), map, map + cells);
        strongest.emplace_back(-*std::max_element(map, map + cells), i);
      }
      std::sort(all.begin(), all.end());
      std::sort(strongest.begin(), strongest.end());
      const double place = (1 - data.quantile) * static_cast<double>(all.size() - 1);
      const auto low = static_cast<size_t>(std::floor(place));
      const double level =
          all[low] + (place - static_cast<double>(low)) *
                         (static_cast<double>(all[std::min(low + 1, all.size() - 1)]) - all[low]);
      REQUIRE(result.levels[unit] == level);
      for (size_t rank = 0; rank < 4; rank++) {
        CHECK(result.topImages[unit * 4 + rank] == strongest[rank].second);
        CHECK(result.topActivations[unit * 4 + rank] == -strongest[rank].first);
      }
      std::vector<double> both(data.numbers.size()), category(3);
      std::vector<double> squares(data.numbers.size()), products(data.numbers.size()),
          unions(data.numbers.size());
      for (int64_t i = 0; i < data.images; i++) {
        const auto [rows, columns] = data.sizes[i];
        const std::vector<bool> mask = plainMask(data.values[l][i].data() + unit * cells, layer.height,
                                                 layer.width, level, rows, columns);
        std::set<int32_t> present;
        std::vector<double> here_i(data.numbers.size()), here_l(data.numbers.size());
        for (size_t p = 0; p < mask.size(); p++) {
          std::set<size_t> here;
          for (const auto &map : data.maps[i])
            for (size_t code = 0; code < data.numbers.size(); code++)
              if (map[p] == data.numbers[code])
                here.insert(code);
          for (const size_t code : here) {
            present.insert(data.category[code]);
            both[code] += mask[p];
            here_i[code] += mask[p];
            here_l[code] += 1;
          }
        }
        const auto area = static_cast<double>(std::count(mask.begin(), mask.end(), true));
        for (const int32_t c : present)
          category[c] += area;
        for (size_t code = 0; code < both.size(); code++) {
          const double a = present.count(data.category[code]) ? area : 0, u = a + here_l[code] - here_i[code];
          squares[code] += here_i[code] * here_i[code];
          products[code] += here_i[code] * u;
          unions[code] += u * u;
        }
      }
      for (size_t code = 0; code < both.size(); code++) {
        const size_t at = code * layer.units + unit;
        CHECK(result.intersections[at] == both[code]);
        CHECK(result.intersectionSquares[at] == squares[code]);
        CHECK(result.products[at] == products[code]);
        CHECK(result.unionSquares[at] == unions[code]);
      }
      for (size_t c = 0; c < 3; c++)
        CHECK(result.categoryPixels[c * layer.units + unit] == category[c]);
    }
  }
}

std::string codeOf(const std::function<void()> &call) {
  try {
    call();
  } catch (const Failure &failure) {
    return failure.code;
  }
  return "";
}

const std::vector<Layer> twoLayers{{5, 3, 4, false}, {37, 6, 5, true}};

} // namespace

TEST_CASE("levels, top images and counts are those of the definition, for every kind of values") {
  uint64_t seed = 1;
  for (const std::string &kind : kinds) {
    CAPTURE(kind);
    const Case data(seed++, kind, 23, twoLayers);
    Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
    CHECK(dissection.passes() == 1);
    CHECK(dissection.notices() == std::vector<std::string>{"made up"});
    observeAll(dissection, data);
    while (dissection.count(7) < data.images) {
    }
    sameAsDefinition(*dissection.counted("results"), data);
  }
}

TEST_CASE("memory that is too short changes nothing: pruned, spilled, in two passes") {
  for (const int64_t memory : {int64_t{3000}, int64_t{400}}) {
    Case data(7, "normal", 61, twoLayers);
    data.quantile = 0.02;
    DissectionOptions options = optionsOf(data);
    options.memory = memory;
    Dissection dissection(openerOf(data), options, cpuBackend());
    observeAll(dissection, data, 20);
    while (dissection.count(1) < data.images) {
    }
    CHECK(dissection.spilledBytes() > 0);
    sameAsDefinition(*dissection.counted("results"), data);
  }
  // half of it: room for bins of 16, 11 and 8 bits
  for (const auto &[memory, passes] : {std::pair{int64_t{2'200'000}, 2}, {100'000, 3}, {10'000, 4}}) {
    Case data(8, "few values", 75, {{2, 60, 60, false}, {3, 2, 2, false}});
    data.quantile = 0.9;
    DissectionOptions options = optionsOf(data);
    options.memory = memory;
    Dissection dissection(openerOf(data), options, cpuBackend());
    CHECK(dissection.passes() == passes);
    observeAll(dissection, data);
    while (dissection.count(100) < data.images) {
    }
    sameAsDefinition(*dissection.counted("results"), data);
  }
}

TEST_CASE("values wait on a device as its memory allows, which changes nothing") {
  const Case data(11, "normal", 61, twoLayers);
  const auto run = [&](int64_t forwards, Waits &waits) {
    Dissection dissection(
        [&](const std::vector<std::string> &) { return std::make_unique<Crowded>(data, waits); },
        optionsOf(data), std::make_unique<Patient>(data, forwards, waits));
    observeAll(dissection, data);
    CHECK(waits.now == 0);
    while (dissection.count(100) < data.images) {
    }
    sameAsDefinition(*dissection.counted("results"), data);
    return dissection.notices().size() - 1;
  };
  for (const auto &[forwards, most] : {std::pair{0, 1}, {3, 4}, {100, 13}}) {
    Waits waits;
    CHECK(run(forwards, waits) == 0);
    CHECK(waits.most == most);
  }
  Waits waits;
  waits.full = 6;
  CHECK(run(100, waits) == 1); // and no forward was halved
  CHECK(waits.most == 6);
}

TEST_CASE(
    "what waits is not forgotten: values that are not finite, a cancel, label maps that only some have") {
  Case data(12, "normal", 61, twoLayers);
  Waits waits;
  const OpenUnits open = [&](const std::vector<std::string> &) {
    return std::make_unique<Crowded>(data, waits);
  };
  const auto make = [&] {
    return Dissection(open, optionsOf(data), std::make_unique<Patient>(data, 100, waits));
  };
  const auto observe = [&](Dissection &dissection, int64_t first, int64_t count, bool labels) {
    dissection.observe(batchFor(data, dissection.options(), first, count, labels).batch, never);
  };
  Dissection mixed = make();
  observe(mixed, 0, 10, true);
  CHECK(codeOf([&] { observe(mixed, 10, 10, false); }) == "ERR_NETDISSECT_USAGE");
  observe(mixed, 10, 51, true);
  mixed.finish();
  while (mixed.count(100) < data.images) {
  }
  sameAsDefinition(*mixed.counted("results"), data);
  Dissection cancelled = make();
  observe(cancelled, 0, 61, true);
  cancelled.cancel();
  CHECK(codeOf([&] { cancelled.finish(); }) == "ABORT_ERR");
  data.values[1][3][50] = std::numeric_limits<float>::infinity();
  Dissection infinite = make();
  observe(infinite, 0, 61, true);
  CHECK(codeOf([&] { infinite.finish(); }) == "ERR_NETDISSECT_ACTIVATION");
}

TEST_CASE("label maps that wait have a quarter of the memory at most") {
  const Case data(13, "normal", 61, twoLayers);
  Waits waits;
  DissectionOptions options = optionsOf(data);
  options.memory = 8000;
  Dissection dissection(
      [&](const std::vector<std::string> &) { return std::make_unique<Crowded>(data, waits); }, options,
      std::make_unique<Patient>(data, 100, waits));
  observeAll(dissection, data);
  CHECK(waits.most > 1);
  CHECK(waits.most < 13);
  while (dissection.count(100) < data.images) {
  }
  sameAsDefinition(*dissection.counted("results"), data);
}

TEST_CASE("counts of parts of the images add up to those of all") {
  const Case data(3, "normal", 20, twoLayers);
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  observeAll(dissection, data);
  dissection.count(1000);
  const LayerTally &whole = dissection.counted("results")->tallies[1];
  LayerTally sum(37, optionsOf(data).labels), again(37, optionsOf(data).labels);
  sum.sumSquares();
  again.sumSquares();
  sum.merge(whole);
  sum.merge(whole);
  Writer out;
  sum.save(out);
  Reader in(out.bytes().data(), out.bytes().size());
  again.load(in);
  for (size_t i = 0; i < whole.intersections.size(); i++)
    CHECK(again.intersections[i] == 2 * whole.intersections[i]);
  for (size_t i = 0; i < whole.squares.size(); i++)
    CHECK(again.squares[i].product == 2 * whole.squares[i].product);
  LayerTally other(5, optionsOf(data).labels);
  CHECK(codeOf([&] { other.merge(sum); }) == "ERR_NETDISSECT_STORE");
}

TEST_CASE("a layer with too few values for a smaller quantile leaves the others theirs") {
  const Case data(8, "normal", 10, {{2, 1, 1, false}, {2, 5, 5, false}});
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  observeAll(dissection, data);
  while (dissection.count(100) < data.images)
    ;
  const auto layers = countNarrow(*dissection.counted("test"), data.quantile / 4, never);
  REQUIRE(layers.size() == 2);
  CHECK(!layers[0]);
  REQUIRE(layers[1].has_value());
  CHECK(layers[1]->levels[0] > dissection.counted("test")->layers[1].levels[0]);
}

TEST_CASE("taking up what was kept is ended by a cancel, and can be begun again") {
  char folder[] = "/tmp/netdissect-core-XXXXXX";
  REQUIRE(mkdtemp(folder));
  const Case data(5, "normal", 20, twoLayers);
  DissectionOptions options = optionsOf(data);
  options.kept = {folder, std::string(runLength, 'r')};
  const Prepared all = batchFor(data, options, 0, 20, true);
  Dissection(openerOf(data), options, cpuBackend())
      .observe(all.batch, never); // kept at the end of the pass alone
  CHECK(!keptExists(options.kept.state()));
  options.checkpointSeconds = 0;
  Dissection(openerOf(data), options, cpuBackend()).observe(all.batch, never);
  Dissection cancelled(openerOf(data), options, cpuBackend());
  CHECK(cancelled.observed() == 20);
  cancelled.cancel();
  CHECK(codeOf([&] { cancelled.finish(); }) == "ABORT_ERR");
  Dissection again(openerOf(data), options, cpuBackend());
  again.finish();
  while (again.count(100) < data.images)
    ;
  sameAsDefinition(*again.counted("results"), data);
  std::filesystem::remove_all(folder);
}

TEST_CASE("without labels there is nothing to count, and results at once") {
  const Case data(4, "normal", 10, twoLayers);
  DissectionOptions options = optionsOf(data);
  options.keepMasks = false;
  Dissection dissection(openerOf(data), options, cpuBackend());
  const Prepared all = batchFor(data, options, 0, 10, false);
  dissection.observe(all.batch, never);
  dissection.finish();
  CHECK(dissection.count(5) == 0);
  CHECK(dissection.counted("results")->result(0).topImages.size() == 20);
}

TEST_CASE("a call out of order is refused and changes nothing; after another error a dissection is over") {
  const Case data(5, "normal", 10, twoLayers);
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  const std::string usage = "ERR_NETDISSECT_USAGE";
  const Prepared first = batchFor(data, dissection.options(), 0, 5, true),
                 second = batchFor(data, dissection.options(), 5, 5, true),
                 bare = batchFor(data, dissection.options(), 5, 5, false);
  CHECK(codeOf([&] { dissection.count(1); }) == usage);
  CHECK(codeOf([&] { dissection.counted("results"); }) == usage);
  CHECK(codeOf([&] { dissection.finish(); }) == usage);
  CHECK(codeOf([&] { dissection.observe(second.batch, never); }) == usage);
  dissection.observe(first.batch, never);
  CHECK(codeOf([&] { dissection.observe(first.batch, never); }) == usage);
  CHECK(codeOf([&] { dissection.observe(bare.batch, never); }) == usage);
  dissection.observe(second.batch, never);
  dissection.finish();
  CHECK(codeOf([&] { dissection.finish(); }) == usage);
  CHECK(codeOf([&] { dissection.observe(first.batch, never); }) == usage);
  CHECK(codeOf([&] { dissection.counted("results"); }) == usage);
  CHECK(dissection.count(100) == 10);
  sameAsDefinition(*dissection.counted("results"), data);

  Dissection stopped(openerOf(data), optionsOf(data), cpuBackend());
  stopped.observe(first.batch, never);
  stopped.cancel();
  CHECK(codeOf([&] { stopped.observe(second.batch, never); }) == "ABORT_ERR");
  CHECK(codeOf([&] { stopped.observe(second.batch, never); }) == usage);
  CHECK(codeOf([&] { stopped.finish(); }) == usage);
}

TEST_CASE("a value that is not finite is told with its layer, unit and first image") {
  Case data(6, "normal", 20, twoLayers);
  data.values[1][13][4 * 30 + 7] = std::numeric_limits<float>::quiet_NaN();
  data.values[1][14][0] = std::numeric_limits<float>::infinity();
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  const Prepared all = batchFor(data, dissection.options(), 0, 20, true);
  try {
    dissection.observe(all.batch, never);
    FAIL("it was not found");
  } catch (const Failure &failure) {
    CHECK(failure.code == "ERR_NETDISSECT_ACTIVATION");
    CHECK(failure.image == 13);
    CHECK(std::string(failure.what()) == "layer 'b', unit 4: a NaN or infinite activation on image 13");
  }
}

TEST_CASE("strips: the photographs, darkened outside of the mask, and memory that is too small is refused") {
  const Case data(9, "normal", 10, {{2, 4, 4, false}});
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  observeAll(dissection, data);
  dissection.count(100);
  const auto counted = dissection.counted("draw");
  const StripStyle style{5, {200, 200, 0}, 254};
  const std::vector<uint8_t> photograph(12 * 10 * 3, 100);
  const Strips layout = layOutStrips(2, 12, 10, style.gap, true);
  CHECK(layout.width == 25);
  std::vector<uint8_t> canvas(layout.seg.end);
  const Strips strips =
      drawStrips(*counted, 0, 1, {photograph.data(), photograph.data()}, style, canvas.data(), canvas.size());
  CHECK(strips.seg.end == layout.seg.end);
  const LayerResult result = counted->result(0);
  for (int i = 0; i < 2; i++) {
    const int64_t image = result.topImages[4 + i];
    const std::vector<bool> mask =
        plainMask(data.values[0][image].data() + 16, 4, 4, result.levels[1], 12, 10);
    for (int y = 0; y < 12; y++)
      for (int x = 0; x < 10; x++) {
        const uint8_t *top = canvas.data() + (y * 25 + i * 15 + x) * 3;
        const uint8_t *orig = canvas.data() + strips.orig.begin + (y * 25 + i * 15 + x) * 3;
        CHECK(orig[0] == 100);
        if (mask[y * 10 + x])
          CHECK((top[0] == 100 && top[2] == 100));
        else
          CHECK(((top[0] == 30 && top[2] == 30) || (top[0] == 200 && top[2] == 0)));
      }
  }
  CHECK(codeOf([&] { drawStrips(*counted, 0, 1, {photograph.data()}, style, canvas.data(), 10); }) ==
        "ERR_NETDISSECT_USAGE");
  CHECK(codeOf([&] { drawStrips(*counted, 0, 2, {}, style, canvas.data(), canvas.size()); }) ==
        "ERR_NETDISSECT_USAGE");
  CHECK(codeOf([&] { drawStrips(*counted, 1, 0, {}, style, canvas.data(), canvas.size()); }) ==
        "ERR_NETDISSECT_USAGE");
}

TEST_CASE("sheets: the masks of a unit, pixel by pixel") {
  const Case data(9, "normal", 10, {{2, 4, 4, false}});
  Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
  observeAll(dissection, data);
  dissection.count(100);
  const auto counted = dissection.counted("draw");
  const LayerResult result = counted->result(0);
  const int64_t row = 1 + (10 + 3) / 4;
  std::vector<uint8_t> masks(3 * 12 * row, 255); // what was drawn there before must not show through
  drawMaskSheet(*counted, 0, 1, masks.data(), masks.size());
  for (int i = 0; i < 3; i++) {
    const std::vector<bool> mask =
        plainMask(data.values[0][result.topImages[4 + i]].data() + 16, 4, 4, result.levels[1], 12, 10);
    for (int y = 0; y < 12; y++) {
      CHECK(masks[(i * 12 + y) * row] == 0);
      for (int x = 0; x < 10; x++) {
        bool near = false;
        for (int v = 0; v < 12; v++)
          for (int u = 0; u < 10; u++)
            near = near || (mask[v * 10 + u] && std::abs(v - y) + std::abs(u - x) <= 2);
        const int value = masks[(i * 12 + y) * row + 1 + x / 4] >> (6 - x % 4 * 2) & 3;
        CHECK(value == (mask[y * 10 + x] ? 1 : near ? 2 : 0));
      }
    }
  }
  const auto refused = [&](size_t layer, int64_t unit, size_t bytes) {
    std::vector<uint8_t> to(bytes);
    return codeOf([&] { drawMaskSheet(*counted, layer, unit, to.data(), bytes); }) == "ERR_NETDISSECT_USAGE";
  };
  CHECK(refused(0, 2, 12 * row));
  CHECK(refused(1, 0, 12 * row));
  CHECK(refused(0, 1, 12 * row - 1));
  CHECK(refused(0, 1, (result.topImages.size() / 2 + 1) * 12 * row));
}

TEST_CASE("sheets: the labels of an image, pixel by pixel, in as few bits as hold them") {
  std::set<int> depths;
  for (const int labels : {1, 3, 9, 40}) {
    Case data(9, "normal", 10, {{2, 4, 4, false}});
    data.numbers.clear();
    data.category.clear();
    for (int l = 1; l <= labels; l++) {
      data.numbers.push_back(static_cast<uint16_t>(l * 1000));
      data.category.push_back(l % 3);
    }
    Random random(static_cast<uint64_t>(labels));
    for (auto &maps : data.maps)
      for (auto &map : maps)
        for (uint16_t &label : map)
          label = static_cast<uint16_t>(random.below(static_cast<uint64_t>(labels) + 1) * 1000);
    Dissection dissection(openerOf(data), optionsOf(data), cpuBackend());
    observeAll(dissection, data);
    dissection.count(100);
    const auto counted = dissection.counted("draw");
    for (int64_t image = 0; image < 10; image++) {
      const LabelSheet sheet = drawLabelSheet(*counted, image, 254);
      const int64_t row = 1 + (sheet.width * sheet.depth + 7) / 8;
      CHECK(sheet.scanlines.size() == sheet.categories.size() * sheet.height * row);
      CHECK(sheet.colors.size() <= sheet.labels.size());
      depths.insert(sheet.depth);
      const unsigned indices = 1u << sheet.depth;
      CHECK(sheet.colors.size() < indices);
      CHECK((sheet.depth == 1 || sheet.colors.size() >= 1u << sheet.depth / 2)); // fewer bits would not do
      const Words record = counted->store->labelsOf(image), areas = counted->store->areasOf(image);
      const uint8_t *line = sheet.scanlines.data();
      for (const int32_t category : sheet.categories) {
        const std::vector<uint8_t> plain =
            labelIndices(Segmentation(record.data()), areas, counted->plan->options.labels, 254,
                         static_cast<int>(sheet.height), static_cast<int>(sheet.width), category);
        for (int64_t y = 0; y < sheet.height; y++, line += row) {
          CHECK(line[0] == 0);
          const int64_t spare = (row - 1) * 8 - sheet.width * sheet.depth; // bits after the last index
          CHECK((line[row - 1] & ((1 << spare) - 1)) == 0);
          for (int64_t x = 0; x < sheet.width; x++) {
            const int64_t bit = x * sheet.depth;
            const unsigned index = line[1 + bit / 8] >> (8 - sheet.depth - bit % 8) & (indices - 1);
            const unsigned color = index == 0 ? noLabel : firstLabel + sheet.colors.at(index - 1);
            CHECK(color == plain[y * sheet.width + x]);
          }
        }
      }
    }
    CHECK(codeOf([&] { drawLabelSheet(*counted, 10, 254); }) == "ERR_NETDISSECT_USAGE");
  }
  CHECK(depths == std::set<int>{1, 2, 4, 8});
}
