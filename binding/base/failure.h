// The one exception type that the addon turns into a JavaScript error with a code.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>

namespace netdissect {

class Failure : public std::runtime_error {
public:
  Failure(std::string code, const std::string &message, int64_t image = -1)
      : std::runtime_error(message), code(std::move(code)), image(image) {}

  const std::string code; // ERR_NETDISSECT_...
  const int64_t image;    // the image's number where the failure is about one, else -1
};

/// Where a device has no memory left for what was begun; less of it may fit.
class OutOfDeviceMemory : public Failure {
public:
  explicit OutOfDeviceMemory(const std::string &message) : Failure("ERR_NETDISSECT_DEVICE", message) {}
};

} // namespace netdissect
