// launcher/gpu_environment.h -- what CUDA must find in the environment when it starts in this
// process. Not a setting of the project's: who has set the variables knows better.
// Thread safety: changes the environment, so before any other thread.
#pragma once

namespace switchyard::launcher {

// Kernels are loaded when the device is made, not at their first launch: a load may wait for all
// that the GPU has been given, and where a receive from a peer is among it, and the peer loads too,
// both wait for ever. Streams have a queue each, as far as there are any, so that a receive that
// waits does not hold up what does not depend on it.
void prepare_gpu_environment();

}  // namespace switchyard::launcher
