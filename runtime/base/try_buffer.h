// runtime/base/try_buffer.h -- memory whose size comes from a user or a file: running out of it is
// an error like any other. Not for sizes that limits bound (HostBuffer's constructor).
// Thread safety: safe.
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

namespace switchyard {

// As HostBuffer(bytes). Errors: kLimit where the system has no such memory.
[[nodiscard]] Result<HostBuffer> try_buffer(std::size_t bytes);

}  // namespace switchyard
