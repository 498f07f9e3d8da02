// launcher/row_exchange.h -- the choice how rows of the exchange travel between GPUs: over the
// transport of everything else, through host memory, or by NCCL. Not the ways themselves (comm).
// Thread safety: the main thread, before any rank works.
#pragma once

#include <memory>

#include "comm/transport.h"
#include "runtime/base/error.h"
#include "runtime/config/run_config.h"

namespace switchyard::launcher {

// Errors: kConfig, or those of comm::check_nccl_world(), where NCCL was asked for and cannot be.
[[nodiscard]] Result<void> check_row_exchange(const config::RunConfig& run,
                                              const comm::Transport& base);

// `base`, or NCCL over it as cluster.exchange says. auto is NCCL where this build and this host
// have what it needs.
// Errors: those of check_row_exchange().
[[nodiscard]] Result<std::unique_ptr<comm::Transport>> with_row_exchange(
    const config::RunConfig& run, std::unique_ptr<comm::Transport> base);

}  // namespace switchyard::launcher
