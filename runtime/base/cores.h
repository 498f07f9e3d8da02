// runtime/base/cores.h -- how many cores there are for whom: affinity masks, not what the machine
// has. Not a scheduler: nothing is bound here.
// Thread safety: safe.
#pragma once

#include <cstddef>

namespace switchyard {

// Cores that the calling thread may run on, at least 1.
[[nodiscard]] std::size_t usable_cores();

// Cores that this process may share with those that its parent has started beside it: mpirun binds
// its children, not itself. Never fewer than usable_cores().
[[nodiscard]] std::size_t shared_cores();

}  // namespace switchyard
