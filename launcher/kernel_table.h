// launcher/kernel_table.h -- what `switchyard kernels` shows: which kernel each op has here and
// which transports there are, in columns as wide as their widest entry. Words only; the choice is
// that of kernels/device.h. Thread safety: pure functions.
#pragma once

#include <span>
#include <string>

#include "comm/transport_table.h"
#include "kernels/device.h"

namespace switchyard::launcher {

[[nodiscard]] std::string kernel_table(std::span<const kernels::KernelChoice> choices);
[[nodiscard]] std::string transport_table(std::span<const comm::TransportEntry> entries);

}  // namespace switchyard::launcher
