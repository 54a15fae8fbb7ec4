// What LibTorch's failures on a device are about.
#pragma once
#include <exception>
#include <string>

namespace netdissect {

enum class Trouble { memory, device, other };

/// By its words: TorchScript's interpreter throws std::runtime_error whatever was thrown in it.
Trouble troubleOf(const std::string &message);

/// In a handler of what was done on a device: the message, where its memory is full. Else throws: a Failure
/// and the want of the host's memory as they are, anything else as the GPU's failure, `when` it was.
std::string wordsOfFullMemory(const std::exception &error, const std::string &when);

/// Throws where what a model's forward on a device ended with is the device's failure, not the model's.
void throwTrouble(const std::string &message, const std::string &whenFull, const std::string &whenFailed);

} // namespace netdissect
