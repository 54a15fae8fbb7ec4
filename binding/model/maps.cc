#include "model/maps.h"
#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <sstream>

namespace netdissect {

std::string shapeOf(const at::Tensor &tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

namespace {

/// Rows and columns of so many patches; 0 where they are no grid.
std::pair<int64_t, int64_t> patchGrid(int64_t count, const TokenFacts &known, const Images &images) {
  for (auto grid = known.grids.rbegin(); grid != known.grids.rend(); ++grid)
    if (grid->first * grid->second == count)
      return *grid;
  for (int64_t patch = 1; count > 0 && patch <= std::min(images.height, images.width); patch++)
    if ((images.height / patch) * (images.width / patch) == count)
      return {images.height / patch, images.width / patch};
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(count))));
  if (count > 0 && images.height == images.width && side * side == count)
    return {side, side};
  return {0, 0};
}

/// The tokens of a sequence that are patches, in rows and columns: [images, rows · columns, units]. Unasked
/// they are only where the graph makes it plain, by a convolution that makes patches or a table of positions.
std::string patchesOf(const at::Tensor &tokens, Tokens wish, const TokenFacts &known, const Images &images,
                      at::Tensor &patches, std::pair<int64_t, int64_t> &grid) {
  const int64_t count = tokens.size(1);
  int64_t before = 0, after = 0;
  std::string seen;
  if (wish.kind == Tokens::Kind::detect) {
    const Facts &graph = known.graph;
    const int64_t others = graph.tokensBefore + graph.tokensAfter;
    for (const int64_t extra : {int64_t{0}, others}) {
      bool plain = extra == 0 || graph.tokensPlain;
      bool fits = known.grids.empty() &&
                  std::find(graph.positions.begin(), graph.positions.end(), count) != graph.positions.end() &&
                  (extra == others);
      for (const auto &[rows, columns] : known.grids)
        fits = fits || rows * columns == count - extra;
      if (!fits || !plain || grid.first)
        continue;
      grid = patchGrid(count - extra, known, images);
      before = extra ? graph.tokensBefore : 0;
      after = extra ? graph.tokensAfter : 0;
    }
    for (const auto &[rows, columns] : known.grids)
      seen += (seen.empty() ? "its convolutions make " : ", ") + std::to_string(rows) + "×" +
              std::to_string(columns);
    if (seen.empty())
      seen = "no convolution makes patches";
    if (others)
      seen += ", and " + std::to_string(others) + " more tokens are added" +
              (graph.tokensPlain ? "" : " in places that are not plain");
  } else if (wish.kind == Tokens::Kind::index) {
    if (wish.number < count)
      grid = patchGrid(count - 1, known, images);
  } else {
    before = wish.kind == Tokens::Kind::first ? wish.number : 0;
    after = wish.kind == Tokens::Kind::last ? wish.number : 0;
    grid = patchGrid(count - before - after, known, images);
  }
  if (!grid.first)
    return "its output has the shape " + shapeOf(tokens) + ", whose " + std::to_string(count) + " tokens" +
           (wish.kind == Tokens::Kind::detect  ? ""
            : wish.kind == Tokens::Kind::index ? " but one"
                                               : " less " + std::to_string(wish.number)) +
           " are " + (wish.kind == Tokens::Kind::detect ? "not plainly a" : "no") +
           " grid of patches of an image of " + std::to_string(images.height) + "×" +
           std::to_string(images.width) + " pixels" +
           (wish.kind == Tokens::Kind::detect
                ? " (" + seen + "); if they are, say with tokens which are none: first:N, last:N or index:I"
                : "");
  patches = wish.kind == Tokens::Kind::index
                ? at::cat({tokens.slice(1, 0, wish.number), tokens.slice(1, wish.number + 1)}, 1)
                : tokens.slice(1, before, count - after);
  return "";
}

/// Whether rows and columns can be an image's at one stride, rounded up or down.
bool fitsImage(int64_t rows, int64_t columns, const Images &images) {
  if (images.height == images.width)
    return rows == columns;
  const auto stride = [](int64_t pixels, int64_t cells) {
    return cells ? static_cast<double>(pixels) / static_cast<double>(cells) : INFINITY;
  };
  return std::max(stride(images.height, rows + 1), stride(images.width, columns + 1)) <=
         std::min(stride(images.height, rows - 1), stride(images.width, columns - 1));
}

/// Whether an output of four dimensions has its units last. Unasked they are only where the shape leaves no
/// doubt: the last two dimensions cannot be an image's height and width, the two before the last can, and
/// there is more than one unit.
bool hasUnitsLast(const at::Tensor &output, Layout wish, const Images &images) {
  if (wish != Layout::detect)
    return wish == Layout::unitsLast;
  return output.size(3) > 1 && !fitsImage(output.size(2), output.size(3), images) &&
         fitsImage(output.size(1), output.size(2), images);
}

} // namespace

std::string mapsOf(const c10::IValue &value, const Images &images, const RetainOptions &options,
                   const TokenFacts &tokens, Maps &result) {
  if (value.isNone())
    return "it has no output: tracing keeps nothing of a layer that gives back its input; choose the layer "
           "before it, or script the model";
  if (value.isTuple() || value.isList()) {
    const size_t size = value.isTuple() ? value.toTuple()->elements().size() : value.toListRef().size();
    return "its output is a " + std::string(value.isTuple() ? "tuple" : "list") + " of " +
           std::to_string(size) + "; name one of its tensors, as in NAME[0]";
  }
  if (!value.isTensor() || !value.toTensor().defined())
    return "its output is no tensor but " + value.tagKind();
  at::Tensor maps = value.toTensor();
  if (maps.is_sparse() || maps.is_quantized() || maps.is_complex())
    return "its output is a sparse, quantised or complex tensor";
  if (!maps.is_floating_point())
    return "its output holds whole numbers (" + std::string(c10::toString(maps.scalar_type())) +
           "), not activations";
  if (maps.dim() == 4 && maps.numel() > 0 && hasUnitsLast(maps, options.layout, images)) {
    result.unitsLast = true;
    maps = maps.permute({0, 3, 1, 2});
  }
  if (maps.dim() == 2)
    maps = maps.unsqueeze(2).unsqueeze(3);
  if (maps.dim() == 3 && maps.size(0) == images.count && options.tokens.kind != Tokens::Kind::none) {
    std::pair<int64_t, int64_t> grid{0, 0};
    at::Tensor patches;
    const std::string refusal = patchesOf(maps, options.tokens, tokens, images, patches, grid);
    if (!refusal.empty())
      return refusal;
    result.tokensDropped = static_cast<int>(maps.size(1) - patches.size(1));
    maps = patches.contiguous()
               .view({maps.size(0), grid.first, grid.second, maps.size(2)})
               .permute({0, 3, 1, 2});
  }
  if (maps.dim() != 4 || maps.size(0) != images.count || maps.numel() == 0)
    return "its output has the shape " + shapeOf(value.toTensor()) +
           "; [images, units, height, width], [images, units] or [images, tokens, units] can be dissected";
  result.tensor = maps;
  return "";
}

} // namespace netdissect
