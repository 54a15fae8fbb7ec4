#include "store/block.h"
#include <algorithm>

namespace netdissect {

void Block::spill(SpillFile &file) {
  endCount_ = ends.size();
  wordCount_ = words.size();
  place_ = file.append(ends.data(), endCount_ * sizeof(uint32_t));
  file.append(words.data(), wordCount_ * sizeof(uint32_t));
  spilled_ = true;
  Words().swap(ends);
  Words().swap(words);
}

Words Block::record(size_t index, const SpillFile &file) const {
  uint32_t range[2] = {0, 0};
  const size_t first = index ? index - 1 : 0, count = index ? 2 : 1;
  if (!spilled_) {
    std::copy_n(ends.data() + first, count, range + 2 - count);
    return {words.begin() + range[0], words.begin() + range[1]};
  }
  file.read(place_ + static_cast<int64_t>(first * sizeof(uint32_t)), range + 2 - count,
            count * sizeof(uint32_t));
  Words result(range[1] - range[0]);
  file.read(place_ + static_cast<int64_t>((endCount_ + range[0]) * sizeof(uint32_t)), result.data(),
            result.size() * sizeof(uint32_t));
  return result;
}

BlockView::BlockView(const Block &block, const SpillFile &file) {
  if (block.spilled_) {
    read_.resize(block.endCount_ + block.wordCount_);
    file.read(block.place_, read_.data(), read_.size() * sizeof(uint32_t));
    ends_ = read_.data();
    words_ = ends_ + block.endCount_;
  } else {
    ends_ = block.ends.data();
    words_ = block.words.data();
  }
}

} // namespace netdissect
