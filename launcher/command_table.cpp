// The one list of commands.
#include "launcher/command.h"
#include "launcher/commands/bench.h"
#include "launcher/commands/calibrate.h"
#include "launcher/commands/config.h"
#include "launcher/commands/controller.h"
#include "launcher/commands/drain.h"
#include "launcher/commands/eval.h"
#include "launcher/commands/generate.h"
#include "launcher/commands/inspect.h"
#include "launcher/commands/kernels.h"
#include "launcher/commands/launch.h"
#include "launcher/commands/logits.h"
#include "launcher/commands/place.h"
#include "launcher/commands/rank.h"
#include "launcher/commands/rebalance.h"
#include "launcher/commands/routing.h"
#include "launcher/commands/scale.h"
#include "launcher/commands/status.h"
#include "launcher/commands/study.h"
#include "launcher/commands/trace.h"
#include "launcher/commands/undrain.h"

namespace switchyard::launcher {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_generate_command());
  commands.push_back(make_launch_command());
  commands.push_back(make_rank_command());
  commands.push_back(make_logits_command());
  commands.push_back(make_eval_command());
  commands.push_back(make_study_command());
  commands.push_back(make_calibrate_command());
  commands.push_back(make_trace_command());
  commands.push_back(make_place_command());
  commands.push_back(make_inspect_command());
  commands.push_back(make_kernels_command());
  commands.push_back(make_routing_command());
  commands.push_back(make_bench_command());
  commands.push_back(make_config_command());
  commands.push_back(make_controller_command());
  commands.push_back(make_status_command());
  commands.push_back(make_scale_command());
  commands.push_back(make_drain_command());
  commands.push_back(make_undrain_command());
  commands.push_back(make_rebalance_command());
  return commands;
}

}  // namespace switchyard::launcher
