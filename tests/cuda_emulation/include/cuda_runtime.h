// tests/cuda_emulation/include/cuda_runtime.h -- stands in for the toolkit's header of this name.
// Host API (tests/cuda_emulation/api) and device language (tests/cuda_emulation/device) of the
// subset that Switchyard uses, with the real names, types, values and semantics. What is not here
// does not compile, which is how a use of something new shows.
#pragma once

#include "tests/cuda_emulation/api/device.h"
#include "tests/cuda_emulation/api/errors.h"
#include "tests/cuda_emulation/api/launch.h"
#include "tests/cuda_emulation/api/memory.h"
#include "tests/cuda_emulation/api/streams.h"
#include "tests/cuda_emulation/device/atomics.h"
#include "tests/cuda_emulation/device/collectives.h"
#include "tests/cuda_emulation/device/here.h"
#include "tests/cuda_emulation/device/intrinsics.h"
#include "tests/cuda_emulation/device/qualifiers.h"
#include "tests/cuda_emulation/device/vector_types.h"
