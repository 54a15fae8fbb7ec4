#include "model/names.h"
#include <algorithm>
#include <cctype>

namespace netdissect {

namespace {

size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

} // namespace

std::string nearest(std::vector<std::string> names, const std::string &wish) {
  std::stable_sort(names.begin(), names.end(), [&](const std::string &a, const std::string &b) {
    return editDistance(a, wish) < editDistance(b, wish);
  });
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(3, names.size()); i++)
    list += (i ? ", " : "") + names[i];
  return list;
}

std::pair<std::string, std::vector<int64_t>> parseLayer(std::string name) {
  std::vector<int64_t> part;
  while (!name.empty() && name.back() == ']') {
    const size_t open = name.rfind('[');
    const std::string index = open == std::string::npos ? "" : name.substr(open + 1, name.size() - open - 2);
    if (index.empty() || index.size() > 4 || !std::all_of(index.begin(), index.end(), ::isdigit))
      break;
    part.insert(part.begin(), std::stoll(index));
    name.resize(open);
  }
  return {name, part};
}

std::string listed(const std::vector<std::string> &items) {
  std::string text;
  for (size_t i = 0; i < items.size(); i++)
    text += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return text;
}

} // namespace netdissect
