// tests/cuda_emulation/include/cuda_runtime_api.h -- stands in for the toolkit's header of this
// name: the host API alone, without the device language.
#pragma once

#include "tests/cuda_emulation/api/device.h"
#include "tests/cuda_emulation/api/errors.h"
#include "tests/cuda_emulation/api/memory.h"
#include "tests/cuda_emulation/api/streams.h"
