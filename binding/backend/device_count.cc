#include "backend/device_count.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "store/hot_cells.h"
#include <map>

namespace netdissect {

namespace {

/// Some of a layer's masks on images of one size, and whose they are.
struct Part {
  MaskWork work;
  std::vector<size_t> images;         // of the work's planes, their places in all images
  std::vector<int64_t> units;         // of the work's items
  std::map<size_t, uint32_t> placeOf; // of an image
  size_t labelled = 0;
};

/// Keeps what comes back to the host in bounds.
constexpr size_t mostLabelled = size_t{1} << 24, mostItems = size_t{1} << 20;

void addTo(LayerTally &tally, const Part &part, const MaskCounts &counts, const LabelledImages &images) {
  // a unit's masks one after the other, units in parallel
  std::vector<std::vector<uint32_t>> ofUnit(static_cast<size_t>(tally.units));
  for (size_t i = 0; i < part.units.size(); i++)
    ofUnit[static_cast<size_t>(part.units[i])].push_back(static_cast<uint32_t>(i));
  parallelFor(tally.units, 8, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++)
      for (const uint32_t i : ofUnit[static_cast<size_t>(unit)])
        if (counts.pixels[i])
          tally.add(unit, images, part.images[part.work.items[i].image], counts.pixels[i],
                    counts.labelled.data() + counts.at[i]);
  });
}

/// Numbers that are the same in every run.
struct Sequence {
  uint32_t state = 12345;
  uint32_t next() {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
  }
};

} // namespace

std::string faultOfCounter(MaskCounter &counter) {
  constexpr int height = 7, width = 6, rows = 40, columns = 75, images = 3, units = 9;
  Sequence sequence;
  const Grid grid{Axis::aligned(height, rows), Axis::aligned(width, columns)};
  std::vector<LabelPlanes> planes(images);
  for (int b = 0; b < images; b++) {
    LabelPlanes &own = planes[b];
    own.height = rows;
    own.width = columns;
    own.words = grid.words();
    own.labels.resize(b == 0 ? 1 : 20u * b);
    own.bits.resize(static_cast<size_t>(rows) * own.labels.size() * own.words);
    for (size_t i = 0; i < own.bits.size(); i++)
      for (int bit = 0; bit < 64 && static_cast<int>(i % own.words) * 64 + bit < columns; bit++)
        own.bits[i] |= uint64_t{sequence.next() % 3 == 0} << bit;
  }
  MaskWork work;
  work.height = height;
  work.width = width;
  work.grid = &grid;
  HotCells cells(height, width);
  Words records;
  std::vector<size_t> ends;
  for (int i = 0; i < images * units; i++) {
    std::vector<float> map(height * width);
    for (float &value : map)
      value = static_cast<float>(sequence.next() % 4096) / 1024.0f - 2;
    cells.encode(map.data(), 0.5f, records);
    ends.push_back(records.size());
  }
  for (const LabelPlanes &own : planes)
    work.planes.push_back(&own);
  for (size_t i = 0; i < ends.size(); i++) {
    const uint32_t *begin = records.data() + (i ? ends[i - 1] : 0), *end = records.data() + ends[i];
    if (begin != end)
      work.items.push_back(
          {begin, end, 0.5f + static_cast<float>(i % units) / 8, static_cast<uint32_t>(i / units)});
  }
  MaskCounts counted(work), expected(work);
  counter.count(work, counted);
  countPlainly(work, expected);
  for (size_t i = 0; i < work.items.size(); i++)
    if (counted.pixels[i] != expected.pixels[i])
      return "a mask of " + std::to_string(counted.pixels[i]) + " pixels has " +
             std::to_string(expected.pixels[i]);
  for (size_t i = 0; i < counted.labelled.size(); i++)
    if (counted.labelled[i] != expected.labelled[i])
      return std::to_string(counted.labelled[i]) + " pixels of a label are " +
             std::to_string(expected.labelled[i]);
  return "";
}

DeviceCount::DeviceCount(std::vector<CounterWay> ways, std::function<void(const std::string &)> notice)
    : ways_(std::move(ways)), notice_(std::move(notice)), processor_(cpuBackend()) {}

void DeviceCount::choose() {
  chosen_ = true;
  for (const CounterWay &way : ways_) {
    std::string why;
    try {
      counter_ = way.make();
      why = faultOfCounter(*counter_);
      if (why.empty()) {
        how_ = counter_->name();
        return;
      }
      why = "it counts wrong: " + why;
    } catch (const Failure &failure) {
      why = failure.what();
    }
    counter_.reset();
    notice_("masks are not counted by " + way.name + ": " + why);
  }
  how_ = "the processor";
}

void DeviceCount::count(const LabelledImages &images, const std::vector<int64_t> &sizes,
                        std::vector<LayerCount> &layers) {
  if (!chosen_)
    choose();
  if (!counter_)
    return processor_->count(images, sizes, layers);
  for (LayerCount &layer : layers)
    countLayer(images, sizes, layer);
}

void DeviceCount::countLayer(const LabelledImages &images, const std::vector<int64_t> &sizes,
                             LayerCount &layer) {
  std::map<std::pair<int, int>, Grid> grids; // by height and width
  std::map<std::pair<int, int>, Part> parts;
  const auto finish = [&](Part &part) {
    if (part.work.items.empty())
      return;
    MaskCounts counts(part.work);
    counter_->count(part.work, counts);
    addTo(layer.tally, part, counts, images);
    part = {};
  };
  std::vector<std::pair<size_t, int64_t>> placeIn; // of each image, its block and its place there
  for (size_t block = 0; block < sizes.size(); block++)
    for (int64_t i = 0; i < sizes[block]; i++)
      placeIn.emplace_back(block, i);
  std::vector<std::vector<int64_t>> masked(placeIn.size()); // of each image, the units that have a mask there
  const auto recordOf = [&](size_t image, int64_t unit) {
    const auto [block, i] = placeIn[image];
    const auto record = static_cast<size_t>(unit * sizes[block] + i);
    return std::pair{layer.hot[block].begin(record), layer.hot[block].end(record)};
  };
  parallelFor(static_cast<int64_t>(placeIn.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; image++)
      for (int64_t unit = 0; unit < layer.tally.units && !images.planes[image].labels.empty(); unit++) {
        const auto [first, last] = recordOf(image, unit);
        if (first != last && HotCells::largest(first) > layer.thresholds[static_cast<size_t>(unit)])
          masked[image].push_back(unit);
      }
  });
  for (size_t image = 0; image < placeIn.size(); image++) {
    if (masked[image].empty())
      continue;
    const LabelPlanes &planes = images.planes[image];
    const std::pair<int, int> size{planes.height, planes.width};
    if (!grids.count(size))
      grids.emplace(size, layer.geometry.grid(planes.height, planes.width));
    Part &part = parts[size];
    for (const int64_t unit : masked[image]) {
      if (part.labelled + planes.labels.size() > mostLabelled || part.work.items.size() >= mostItems)
        finish(part);
      if (part.work.items.empty()) {
        part.work.height = layer.geometry.height;
        part.work.width = layer.geometry.width;
        part.work.grid = &grids.at(size);
      }
      const auto [place, isNew] = part.placeOf.try_emplace(image, static_cast<uint32_t>(part.images.size()));
      if (isNew) {
        part.images.push_back(image);
        part.work.planes.push_back(&planes);
      }
      const auto [begin, end] = recordOf(image, unit);
      part.work.items.push_back({begin, end, layer.thresholds[static_cast<size_t>(unit)], place->second});
      part.units.push_back(unit);
      part.labelled += planes.labels.size();
    }
  }
  for (auto &[size, part] : parts)
    finish(part);
}

} // namespace netdissect
