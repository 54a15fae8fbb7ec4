// What a file is that did not load.
#pragma once
#include <string>

namespace netdissect {

/// The reason, as far as it can be told from the file and LibTorch's message.
std::string diagnose(const std::string &path, const std::string &message);

} // namespace netdissect
