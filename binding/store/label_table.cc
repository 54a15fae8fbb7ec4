#include "store/label_table.h"
#include "base/failure.h"
#include <algorithm>
#include <functional>

namespace netdissect {

LabelTable::LabelTable(std::vector<uint16_t> of, std::vector<int32_t> in, int count)
    : numbers(std::move(of)), category(std::move(in)), categories(count) {
  if (category.size() != numbers.size())
    throw Failure("ERR_NETDISSECT_USAGE", "every label needs a category");
  if (std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<uint16_t>()) != numbers.end() ||
      (!numbers.empty() && numbers[0] == 0))
    throw Failure("ERR_NETDISSECT_USAGE", "label numbers must be ascending and over 0");
  for (const int32_t c : category)
    if (c < 0 || c >= categories)
      throw Failure("ERR_NETDISSECT_USAGE", "a label's category is none of those that there are");
  codes_.assign(numbers.empty() ? 0 : numbers.back() + 1, -1);
  for (size_t code = 0; code < numbers.size(); code++)
    codes_[numbers[code]] = static_cast<int32_t>(code);
}

} // namespace netdissect
