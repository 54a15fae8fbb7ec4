// Whether CUDA can be used, and why not.
#pragma once
#include <string>

namespace netdissect {

/// Opens LibTorch's library for CUDA where there are a driver and a device. It registers its devices when it
/// is loaded, which has to come before anything asks for them: the first answer is kept for good.
void openCuda();

/// Why a CUDA device cannot be used, in a sentence's words; empty where it can, which a first computation on
/// it has shown. That takes some hundred MiB of its memory.
const std::string &whyNoCuda(int index = 0);

} // namespace netdissect
