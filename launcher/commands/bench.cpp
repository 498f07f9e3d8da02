#include "launcher/commands/bench.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "launcher/bench/bench_parts.h"
#include "launcher/cluster_run.h"
#include "runtime/base/cores.h"

namespace switchyard::launcher {
namespace {

const std::set<std::string> kAreas{"all", "ceilings", "kernels", "moe", "exchange", "model"};

struct BenchFlags {
  std::string area = "all";
  bool json_lines = false;
  BenchPlan plan;
};

std::string processor_name() {
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) return "unknown";
  char line[256];
  std::string name = "unknown";
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const std::string text = line;
    if (!text.starts_with("model name")) continue;
    name = text.substr(text.find(':') + 2);
    name.erase(name.find_last_not_of(" \n") + 1);
    break;
  }
  std::fclose(file);
  return name;
}

// Rank 0 measures and prints; under mpirun the others only take part where several ranks are
// needed.
bool is_first_rank(const Invocation& invocation) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (const char* rank = invocation.env()(name)) return std::string(rank) == "0";
  }
  return true;
}

class BenchCommand final : public Command {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "measure layers, exchange, prefill and decode against the machine's ceilings";
  }
  std::string_view examples() const override {
    return "  switchyard bench --config configs/shapes/M.yaml --threads 2\n"
           "  switchyard bench model --model DIR --json-lines\n"
           "  switchyard bench model --device cuda --config configs/shapes/Q4.yaml\n"
           "  mpirun -n 2 switchyard bench exchange\n"
           "  mpirun -n 8 switchyard bench exchange --device cuda --batch 128 "
           "--prompt-tokens 4096\n"
           "  mpirun -n 2 --bind-to none switchyard bench model --config configs/shapes/M.yaml "
           "--routers 2 "
           "--colocate\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option(
           "area", flags_.area,
           "all, ceilings, kernels, moe, exchange or model; all leaves out the exchange under "
           "mpirun, where it is a run of its own; on a GPU all is ceilings and model")
        ->check(CLI::IsMember(kAreas))
        ->capture_default_str();
    app.add_flag("--json-lines", flags_.json_lines, "one JSON object per row");
    app.add_option("--prompt-tokens", flags_.plan.prompt_tokens,
                   "of the prefill, and of the larger exchange")
        ->capture_default_str();
    app.add_option("--decode-tokens", flags_.plan.decode_tokens, "of the decode")
        ->capture_default_str();
    app.add_option("--batch", flags_.plan.sequences,
                   "sequences of the batched decode, and tokens of the smaller exchange")
        ->capture_default_str();
    app.add_option("--repeats", flags_.plan.repeats, "of the prefill; the others follow")
        ->capture_default_str();
  }

  Result<void> run(Invocation& invocation) override {
    BenchRows rows(flags_.json_lines ? BenchRows::Format::kJsonLines : BenchRows::Format::kText);
    if (flags_.area == "exchange") return bench_exchange(invocation, flags_.plan, rows);
    const bool first = is_first_rank(invocation);
    SY_ASSIGN(auto options, cluster_options(invocation.run()));
    SY_TRY(check_area(options));
    kernels::Ceilings ceilings;
    if (first) {
      SY_ASSIGN(ceilings, measure_and_print(invocation, options, rows));
    }
    if (flags_.area == "ceilings") return {};
    flags_.plan.shape = shape_name(invocation.run());
    SY_ASSIGN(const auto source, open_weights(invocation.config));
    const bool on_cpu = options.device_name == "cpu";
    if (first && on_cpu && (flags_.area == "all" || flags_.area == "kernels")) {
      SY_TRY(bench_kernels(options.device, source->config(), flags_.plan, ceilings, rows));
    }
    if (first && on_cpu && (flags_.area == "all" || flags_.area == "moe")) {
      SY_TRY(
          bench_moe(options, source->config(), flags_.plan, invocation.run().routing.spec, rows));
    }
    // Under mpirun the model's ranks join the world, which a process can do once.
    if (flags_.area == "all" && on_cpu && !comm::started_by_mpi_launcher(invocation.env())) {
      SY_TRY(bench_exchange(invocation, flags_.plan, rows));
    }
    if (flags_.area == "all" || flags_.area == "model") {
      SY_TRY(bench_model(invocation, flags_.plan, ceilings, rows));
    }
    return {};
  }

 private:
  // On a GPU single kernels are measured by tests/gpu/run.
  Result<void> check_area(const engine::ClusterOptions& options) const {
    if (options.device_name == "cpu" || (flags_.area != "kernels" && flags_.area != "moe")) {
      return {};
    }
    return fail(ErrorCode::kUnsupported,
                "bench {} measures the kernels of the cpu; on a GPU there are bench ceilings, "
                "exchange and model, and tests/gpu/run for its kernels",
                flags_.area);
  }

  static Result<kernels::Ceilings> measure_and_print(const Invocation& invocation,
                                                     engine::ClusterOptions& options,
                                                     BenchRows& rows) {
    // Under mpirun the ceilings are those of all ranks of this host together.
    std::size_t threads = options.device.threads;
    if (threads == 0) threads = usable_cores();
    kernels::CeilingOptions ceiling_options;
    ceiling_options.threads = threads;
    SY_ASSIGN(const auto ceilings, kernels::measure_device_ceilings(
                                       options.device_name, options.device, ceiling_options));
    nlohmann::json facts = {{"version", SWITCHYARD_VERSION},
                            {"processor", processor_name()},
                            {"threads", threads},
                            {"precision", invocation.run().device.precision},
                            {"read GB/s", ceilings.read_gbs},
                            {"fp32 GFLOP/s", ceilings.fp32_gflops},
                            {"bf16 GFLOP/s", ceilings.bf16_gflops}};
    if (options.device_name != "cpu") {
      SY_ASSIGN(const auto device, kernels::make_device(options.device_name, options.device));
      facts["device"] = device->description();
    }
    rows.print_header(facts);
    return ceilings;
  }

  static std::string shape_name(const config::RunConfig& run) {
    if (!run.model.path.empty()) return std::filesystem::path(run.model.path).filename();
    return fmt::format("d{} E{} f{}", run.model.hidden, run.model.experts, run.model.expert_inner);
  }

  BenchFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_bench_command() { return std::make_unique<BenchCommand>(); }

}  // namespace switchyard::launcher
