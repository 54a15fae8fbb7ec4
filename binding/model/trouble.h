// What LibTorch's failures on a device are about.
#pragma once
#include <string>

namespace netdissect {

enum class Trouble { memory, device, other };

/// By its words: TorchScript's interpreter throws std::runtime_error whatever was thrown in it.
Trouble troubleOf(const std::string &message);

} // namespace netdissect
