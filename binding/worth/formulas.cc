#include "worth/formulas.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "worth/recount.h"
#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace netdissect {

namespace {

/// Some images' atoms, and their numbers in the table.
struct Images {
  std::vector<ImageAtoms> atoms;
  std::vector<std::vector<uint32_t>> numbers;

  std::pair<int, int> size(size_t image) const { return {atoms[image].height, atoms[image].width}; }
};

class Finder {
public:
  Finder(const Counted &counted, const FormulaOptions &options, const std::atomic<bool> &stopping,
         std::atomic<int64_t> &searched)
      : counted_(counted), options_(options), memory_(counted.plan->options.memory), stopping_(stopping),
        searched_(searched), table_(tableOf()),
        tables_(table_, options.length, memory_ / 4, [this] { return stopped(); }) {
    for (const LayerShape &layer : counted.plan->layers)
      left_ += layer.units;
  }

  std::vector<UnitFormulas> layer(size_t layer);

private:
  AtomTable tableOf() const;
  /// Images without any label have no rows.
  Images imagesOf(int64_t first, int64_t count, bool numbered) const;
  void count(size_t layer, int64_t begin, int64_t end, std::vector<int64_t> &pixels) const;
  void search(const std::vector<int64_t> &pixels, std::vector<UnitFormulas>::iterator units, int64_t count);
  void resample(size_t layer, int64_t begin, int64_t end, std::vector<UnitFormulas> &units) const;
  bool stopped() const { return stopping_ || counted_.plan->progress.cancelled; }

  const Counted &counted_;
  const FormulaOptions &options_;
  const int64_t memory_;
  const std::atomic<bool> &stopping_;
  std::atomic<int64_t> &searched_;
  const AtomTable table_;
  const FormulaTables tables_;
  std::atomic<int64_t> left_{0}; // units to be searched
  double spent_ = 0;             // seconds of the search
};

Images Finder::imagesOf(int64_t first, int64_t count, bool numbered) const {
  Images images;
  images.atoms.resize(count);
  images.numbers.resize(count);
  parallelFor(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const Words record = counted_.store->labelsOf(first + i);
      const Segmentation segmentation(record.data());
      if (segmentation.labels.empty())
        continue;
      images.atoms[i] = ImageAtoms(segmentation);
      if (numbered)
        images.numbers[i] = table_.numbersOf(images.atoms[i]);
    }
  });
  return images;
}

AtomTable Finder::tableOf() const {
  AtomTable table;
  forEachBlocks(counted_, stopping_, [&](size_t, size_t, int64_t first, int64_t count) {
    for (const ImageAtoms &image : imagesOf(first, count, false).atoms)
      table.add(image);
    if (table.bytes() > memory_ / 4)
      throw Failure("ERR_NETDISSECT_OPTION",
                    "the labels of these images overlap in more than " + std::to_string(table.size()) +
                        " ways, which takes more than a quarter of the memory; allow more, take fewer "
                        "categories, or leave formulas out");
  });
  return table;
}

void Finder::count(size_t layer, int64_t begin, int64_t end, std::vector<int64_t> &pixels) const {
  forEachBlocks(counted_, stopping_, [&](size_t from, size_t to, int64_t first, int64_t count) {
    const Images images = imagesOf(first, count, true);
    forEachMask(
        counted_, stopping_, layer, begin, end, from, to, [&](size_t i) { return images.size(i); },
        [&](int64_t unit, size_t i, const MaskBuilder &mask, uint32_t) {
          int64_t *own = pixels.data() + (unit - begin) * static_cast<int64_t>(table_.size());
          const uint32_t *numbers = images.numbers[i].data();
          images.atoms[i].forEachPixel(mask, [&](uint32_t atom) { own[numbers[atom]]++; });
        });
  });
}

void Finder::search(const std::vector<int64_t> &pixels, std::vector<UnitFormulas>::iterator units,
                    int64_t count) {
  const auto begin = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  // Each thread takes one unit after the other; as many threads as there is memory for.
  const int64_t most = memory_ / 4 / std::max<int64_t>(1, tables_.searchBytes());
  std::atomic<int64_t> next{0}, threads{0};
  parallelFor(std::clamp<int64_t>(most, 1, 1024), 1, [&](int64_t, int64_t) {
    threads++;
    FormulaSearch search(tables_);
    for (int64_t unit; (unit = next++) < count;) {
      if (stopped())
        throw aborted();
      // what is left of the time, shared out among the units that are left
      const double left = std::min(options_.seconds, 1e8) - spent_ - seconds();
      const double share =
          left * static_cast<double>(threads.load()) / static_cast<double>(std::max<int64_t>(1, left_--));
      const auto deadline =
          Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(share));
      const int64_t *own = pixels.data() + unit * static_cast<int64_t>(table_.size());
      static_cast<FormulaResult &>(units[unit]) = search.run(own, deadline, [&] { return stopped(); });
      for (size_t j = 0; j < table_.size(); j++)
        units[unit].maskPixels += own[j];
      searched_++;
    }
  });
  spent_ += seconds();
}

/// The pixels of each unit's best formula, weighted by each replicate: a row of replicates for every formula.
void Finder::resample(size_t layer, int64_t begin, int64_t end, std::vector<UnitFormulas> &units) const {
  const size_t replicates = options_.bootstrap.replicates;
  const auto count = static_cast<size_t>(end - begin);
  struct Chosen {
    std::vector<uint8_t> atoms; // whether each is in the formula
    std::vector<double> pixels;
    int64_t images = 0;
  };
  std::vector<Chosen> chosen;
  std::map<std::tuple<int, std::array<int32_t, 3>, std::array<Operator, 2>>, size_t> places;
  std::vector<size_t> placeOf(count);
  for (size_t u = 0; u < count; u++) {
    const Formula &formula = units[begin + static_cast<int64_t>(u)].best.back();
    const auto [at, isNew] =
        places.try_emplace({formula.length, formula.labels, formula.operators}, chosen.size());
    placeOf[u] = at->second;
    if (!isNew)
      continue;
    Chosen &own = chosen.emplace_back();
    own.pixels.resize(replicates);
    for (size_t j = 0; j < table_.size(); j++)
      own.atoms.push_back(formula.holds(table_.set(j)));
  }
  std::vector<double> both(count * replicates), masks(count * replicates);
  forEachBlocks(counted_, stopping_, [&](size_t from, size_t to, int64_t first, int64_t images) {
    const Images some = imagesOf(first, images, true);
    const ImageWeights weights(options_.bootstrap, first, images);
    parallelFor(static_cast<int64_t>(chosen.size()), 1, [&](int64_t head, int64_t tail) {
      for (int64_t f = head; f < tail; f++)
        for (int64_t i = 0; i < images; i++) {
          int64_t size = 0;
          for (size_t a = 0; a < some.numbers[i].size(); a++)
            size += chosen[f].atoms[some.numbers[i][a]] ? some.atoms[i].areas[a] : 0;
          if (!size)
            continue;
          chosen[f].images++;
          kernels().addWeighted(weights.of(i), static_cast<double>(size), chosen[f].pixels.data(),
                                replicates);
        }
    });
    forEachMask(
        counted_, stopping_, layer, begin, end, from, to, [&](size_t i) { return some.size(i); },
        [&](int64_t unit, size_t i, const MaskBuilder &mask, uint32_t pixels) {
          const std::vector<uint8_t> &inside = chosen[placeOf[unit - begin]].atoms;
          const uint32_t *numbers = some.numbers[i].data();
          uint32_t shared = 0;
          some.atoms[i].forEachPixel(mask, [&](uint32_t atom) { shared += inside[numbers[atom]]; });
          const uint8_t *weight = weights.of(static_cast<int64_t>(i));
          const size_t row = static_cast<size_t>(unit - begin) * replicates;
          kernels().addWeighted(weight, pixels, masks.data() + row, replicates);
          if (shared)
            kernels().addWeighted(weight, shared, both.data() + row, replicates);
        });
  });
  parallelFor(static_cast<int64_t>(count), 1, [&](int64_t head, int64_t tail) {
    std::vector<double> scores(replicates);
    for (int64_t u = head; u < tail; u++) {
      const Chosen &formula = chosen[placeOf[u]];
      for (size_t b = 0; b < replicates; b++) {
        const size_t at = static_cast<size_t>(u) * replicates + b;
        const double either = masks[at] + formula.pixels[b] - both[at];
        scores[b] = either > 0 ? both[at] / either : 0;
      }
      units[begin + u].images = formula.images;
      units[begin + u].interval = intervalOf(scores);
    }
  });
}

std::vector<UnitFormulas> Finder::layer(size_t layer) {
  const int64_t units = counted_.plan->layers[layer].units;
  std::vector<UnitFormulas> result(units);
  const auto atOnce = [&](int64_t bytes) {
    return std::max<int64_t>(1, memory_ / 4 / std::max<int64_t>(1, bytes));
  };
  int64_t some = atOnce(static_cast<int64_t>(table_.size() * sizeof(int64_t)));
  for (int64_t begin = 0; begin < units; begin += some) {
    const int64_t end = std::min(begin + some, units);
    std::vector<int64_t> pixels(static_cast<size_t>(end - begin) * table_.size());
    count(layer, begin, end, pixels);
    search(pixels, result.begin() + begin, end - begin);
  }
  some = atOnce(static_cast<int64_t>(3 * options_.bootstrap.replicates * sizeof(double) + table_.size()));
  for (int64_t begin = 0; options_.bootstrap.replicates && begin < units; begin += some)
    resample(layer, begin, std::min(begin + some, units), result);
  return result;
}

} // namespace

std::vector<std::vector<UnitFormulas>> findFormulas(const Counted &counted, const FormulaOptions &options,
                                                    const std::atomic<bool> &stopping,
                                                    std::atomic<int64_t> &searched) {
  Finder finder(counted, options, stopping, searched);
  std::vector<std::vector<UnitFormulas>> layers;
  for (size_t l = 0; l < counted.plan->layers.size(); l++)
    layers.push_back(finder.layer(l));
  return layers;
}

} // namespace netdissect
