// comm/nccl/registration.h -- memory that NCCL knows: with it, rows go from the sender's memory to
// the receiver's without NCCL's own buffers between. All members of a communicator pass such memory
// or none does; who decides that is outbox.h.
// Thread safety: pure functions.
#pragma once

#include <nccl.h>

#include <span>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::comm::nccl {

// Whether this build and the library it finds register memory for sends and receives (2.23).
// Errors: kUnsupported, saying which version it is.
[[nodiscard]] Result<void> can_register();

// What a communicator has been told of.
using Registrations = std::vector<void*>;

// Memory of ncclMemAlloc; `comm` is ready and nothing has been moved by it. Blocks: no peer has to
// take part. Errors: NCCL's; kUnsupported where the library was told not to
// (NCCL_LOCAL_REGISTER=0).
[[nodiscard]] Result<Registrations> register_memory(ncclComm_t comm,
                                                    std::span<const MutableBytes> memory);
// Nothing of the communicator is under way. May wait for its other members: never on the engine's
// thread. A communicator that is aborted with transfers under way takes the rest back by itself.
void take_back(ncclComm_t comm, const Registrations& registrations);

// Device memory of the current GPU that can be registered. Errors: NCCL's.
[[nodiscard]] Result<void*> allocate_registrable(std::size_t bytes);
// Not while a communicator that it is registered with lives.
void free_registrable(void* memory);

}  // namespace switchyard::comm::nccl
