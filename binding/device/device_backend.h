// The backend of a model whose values stay on a device: cells are chosen there, and masks counted there.
#pragma once
#include "backend/backend.h"
#include <memory>
#include <string>

namespace netdissect {

/// `device` as LibTorch calls it.
std::unique_ptr<Backend> deviceBackend(const std::string &device);

} // namespace netdissect
