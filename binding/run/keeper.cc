#include "run/keeper.h"
#include "base/failure.h"

namespace netdissect {

static std::string stateFile(const std::string &folder) { return folder + "/state"; }
std::string blocksFile(const std::string &folder) { return folder + "/blocks"; }
std::string passFile(const std::string &folder, int pass) { return folder + "/pass-" + std::to_string(pass); }

static KeptState readFrom(const std::string &path) {
  const std::vector<uint8_t> bytes = readKept(path);
  Reader in(bytes.data(), bytes.size());
  KeptState state;
  state.pass = in.get<int32_t>();
  state.observing = in.get<uint8_t>() != 0;
  state.done = in.get<uint8_t>() != 0;
  state.observed = in.get<int64_t>();
  state.blockBytes = in.get<int64_t>();
  state.statistics = in.list<uint8_t>();
  if (state.pass < 1 || state.pass > 8 || state.observed < 0 || state.blockBytes < 0 || in.left())
    throw Failure("ERR_NETDISSECT_STORE", path + " is damaged; remove the store and observe again");
  return state;
}

bool readState(const std::string &folder, KeptState &state) {
  if (!keptExists(stateFile(folder)))
    return false;
  state = readFrom(stateFile(folder));
  return true;
}

KeptState readPass(const std::string &folder, int pass) { return readFrom(passFile(folder, pass)); }

Keeper::Keeper(std::string folder, double seconds, const KeptState &state)
    : folder_(std::move(folder)), seconds_(seconds), blockBytes_(state.blockBytes) {}

void Keeper::add(const ImageBlock &block) {
  if (!blocks_)
    blocks_ = std::make_unique<BlockFile>(blocksFile(folder_), blockBytes_);
  blocks_->append(block);
}

bool Keeper::due() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - last_).count() >= seconds_;
}

void Keeper::checkpoint(KeptState state) {
  if (blocks_) {
    blocks_->sync(); // before the state says that they count
    blockBytes_ = blocks_->bytes();
  }
  state.blockBytes = blockBytes_;
  Writer out;
  out.put(state.pass);
  out.put(static_cast<uint8_t>(state.observing));
  out.put(static_cast<uint8_t>(state.done));
  out.put(state.observed);
  out.put(state.blockBytes);
  out.put(state.statistics);
  if (state.done && !state.observing)
    writeKept(passFile(folder_, state.pass), out.bytes()); // for the other shards
  writeKept(stateFile(folder_), out.bytes());
  last_ = std::chrono::steady_clock::now();
}

} // namespace netdissect
