// Names of layers.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace netdissect {

/// The three names that are nearest to a wish, in a list.
std::string nearest(std::vector<std::string> names, const std::string &wish);
/// A layer's name and the part of its output that is meant: `blocks.1[0]`.
std::pair<std::string, std::vector<int64_t>> parseLayer(std::string name);
/// `a, b and c`
std::string listed(const std::vector<std::string> &items);

} // namespace netdissect
