// What is kept of consecutive images: records of 32-bit words, one after the other. A block can be written to
// a spill file, and is then read back for as long as it is looked at.
#pragma once
#include "store/spill.h"
#include <cstdint>
#include <vector>

namespace netdissect {

using Words = std::vector<uint32_t>;

class Block {
public:
  Words ends; // where each record ends in `words`; it begins where the one before it ends
  Words words;

  int64_t bytes() const {
    return static_cast<int64_t>((ends.capacity() + words.capacity()) * sizeof(uint32_t));
  }
  bool spilled() const { return spilled_; }
  void spill(SpillFile &file);
  /// One record alone, wherever the block is.
  Words record(size_t index, const SpillFile &file) const;

private:
  friend class BlockView;
  bool spilled_ = false;
  int64_t place_ = 0;
  size_t endCount_ = 0, wordCount_ = 0;
};

/// A block's records in memory, wherever the block is.
class BlockView {
public:
  BlockView(const Block &block, const SpillFile &file);
  BlockView(const BlockView &) = delete;
  BlockView(BlockView &&) = default; // vectors keep their memory when they are moved
  const uint32_t *begin(size_t record) const { return words_ + (record ? ends_[record - 1] : 0); }
  const uint32_t *end(size_t record) const { return words_ + ends_[record]; }

private:
  Words read_;
  const uint32_t *ends_, *words_;
};

} // namespace netdissect
