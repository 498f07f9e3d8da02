#include "launcher/gpu_environment.h"

#include <cstdlib>

namespace switchyard::launcher {

// Sources: CUDA C++ programming guide, "Lazy Loading" (concurrent execution); "CUDA environment
// variables" for the largest number of connections.
void prepare_gpu_environment() {
  constexpr int kKeep = 0;
  (void)::setenv("CUDA_MODULE_LOADING", "EAGER", kKeep);
  (void)::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", kKeep);
}

}  // namespace switchyard::launcher
