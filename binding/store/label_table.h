// Which numbers of label maps are labels. Everything is counted by a label's code, its place among the
// labels, so that a large number costs nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace netdissect {

struct LabelTable {
  LabelTable() = default;
  /// By code: ascending numbers over 0, and the category of each.
  LabelTable(std::vector<uint16_t> numbers, std::vector<int32_t> category, int categories);

  std::vector<uint16_t> numbers;
  std::vector<int32_t> category;
  int categories = 0;

  size_t size() const { return numbers.size(); }
  /// The code of a number, -1 where it is no label.
  int32_t code(uint32_t number) const { return number < codes_.size() ? codes_[number] : -1; }

private:
  std::vector<int32_t> codes_; // by number
};

} // namespace netdissect
