#include "run/keeper.h"
#include "base/failure.h"

namespace netdissect {

/// What `read` throws of numbers that cannot be, with the file's name; failures of the file itself have it.
template <class Read> static void naming(const std::string &path, Read read) {
  try {
    read();
  } catch (const Failure &failure) {
    if (std::string(failure.what()).find(path) != std::string::npos)
      throw;
    throw damagedFile(path, failure.what());
  }
}

void ReadState::take(const std::function<void(Reader &)> &read) {
  naming(path, [&] {
    read(values);
    if (values.left())
      throw Failure("ERR_NETDISSECT_STORE", "more was saved than belongs there");
  });
}

ReadState readState(const std::string &path, const std::string &run) {
  KeptState state;
  Reader in = readKept(path, run);
  naming(path, [&] {
    state.pass = in.get<int32_t>();
    state.observing = in.get<uint8_t>() != 0;
    state.done = in.get<uint8_t>() != 0;
    state.first = in.get<int64_t>();
    state.end = in.get<int64_t>();
    state.observed = in.get<int64_t>();
    state.piece = in.get<int64_t>();
    state.blockBytes = in.get<int64_t>();
  });
  if (state.pass < 1 || state.pass > 8 || state.first < 0 || state.end < state.first || state.observed < 0 ||
      state.observed > state.end - state.first || (state.done && state.observed != state.end - state.first) ||
      state.piece < 1 || state.blockBytes < 0)
    throw damagedFile(path, "");
  return {state, path, std::move(in)};
}

Keeper::Keeper(KeptPlace place, double seconds, const KeptState &state)
    : place_(std::move(place)), seconds_(seconds), blockBytes_(state.blockBytes) {}

void Keeper::add(const ImageBlock &block) {
  if (!blocks_)
    blocks_ = std::make_unique<BlockFile>(place_.blocks(), place_.run, blockBytes_);
  blocks_->append(block);
}

bool Keeper::due() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - last_).count() >= seconds_;
}

void Keeper::checkpoint(KeptState state, const std::function<void(Writer &)> &save) {
  if (blocks_) {
    blocks_->sync(); // before the state says that they count
    blockBytes_ = blocks_->bytes();
  }
  state.blockBytes = blockBytes_;
  const auto put = [&](Writer &out) {
    out.put(state.pass);
    out.put(static_cast<uint8_t>(state.observing));
    out.put(static_cast<uint8_t>(state.done));
    out.put(state.first);
    out.put(state.end);
    out.put(state.observed);
    out.put(state.piece);
    out.put(state.blockBytes);
    save(out);
  };
  if (state.done && !state.observing)
    writeKept(place_.pass(state.pass), place_.run, put); // for the other shards
  writeKept(place_.state(), place_.run, put);
  last_ = std::chrono::steady_clock::now();
}

} // namespace netdissect
