#include "block.h"

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
