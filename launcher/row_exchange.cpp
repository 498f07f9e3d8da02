#include "launcher/row_exchange.h"

#include <cstdlib>

#include "comm/worlds.h"

namespace switchyard::launcher {
namespace {

comm::GpuJudge gpu_judge() {
  const bool named = std::getenv("NCCL_HOSTID") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  return named ? comm::GpuJudge::kNccl : comm::GpuJudge::kUs;
}

}  // namespace

Result<void> check_row_exchange(const config::RunConfig& run, const comm::Transport& base) {
  if (run.cluster.exchange != "nccl") return {};
  if (run.device.name != "cuda") {
    return fail(ErrorCode::kConfig,
                "cluster.exchange (--exchange) is nccl, but device.name (--device) is {}; NCCL "
                "moves rows between GPUs",
                run.device.name);
  }
  return comm::check_nccl_world(base, gpu_judge());
}

Result<std::unique_ptr<comm::Transport>> with_row_exchange(const config::RunConfig& run,
                                                           std::unique_ptr<comm::Transport> base) {
  SY_TRY(check_row_exchange(run, *base));
  const std::string& wish = run.cluster.exchange;
  const bool possible = base->size() > 1 && run.device.name == "cuda";
  const bool automatic = wish == "auto" && possible && comm::check_nccl_world(*base).has_value();
  if (!possible || (wish != "nccl" && !automatic)) return base;
  comm::NcclOptions options;
  SY_ASSIGN(const auto format, parse_log_format(run.log.format));
  SY_ASSIGN(options.log, make_log(base->rank(), run.log.level, format));
  options.gpus = gpu_judge();
  options.rows_deadline = std::chrono::milliseconds(run.cluster.exchange_deadline_ms);
  options.join_deadline = options.rows_deadline;
  return comm::make_nccl_world(std::move(base), {}, options);
}

}  // namespace switchyard::launcher
