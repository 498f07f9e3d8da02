#include "launcher/commands/bench.h"

#include <filesystem>
#include <set>

#include "launcher/bench/bench_parts.h"
#include "launcher/cluster_run.h"
#include "launcher/count_option.h"

namespace switchyard::launcher {
namespace {

const std::set<std::string> kAreas{"all", "ceilings", "kernels", "moe", "exchange", "model"};

constexpr std::size_t kTokensMax = 1'000'000;
constexpr std::size_t kRepeatsMax = 100'000;

struct BenchFlags {
  std::string area = "all";
  bool json_lines = false;
  BenchPlan plan;
};

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
           "  switchyard bench model --config configs/shapes/M.yaml --batch 16 --equal-tokens\n"
           "  switchyard bench model --device cuda --config configs/shapes/Q4.yaml\n"
           "  mpirun -n 2 switchyard bench ceilings\n"
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
           "mpirun, where it is a run of its own; on a GPU all is ceilings and model; under "
           "mpirun ceilings also has the round trips of bare MPI")
        ->check(CLI::IsMember(kAreas))
        ->capture_default_str();
    app.add_flag("--json-lines", flags_.json_lines, "one JSON object per row");
    app.add_option("--prompt-tokens", flags_.plan.prompt_tokens,
                   "of the prefill, and of the larger exchange")
        ->check(count_between(1, kTokensMax))
        ->capture_default_str();
    app.add_option("--decode-tokens", flags_.plan.decode_tokens, "of the decode")
        ->check(count_between(2, kTokensMax))
        ->capture_default_str();
    app.add_option("--batch", flags_.plan.sequences,
                   "sequences of the batched decode, and tokens of the smaller exchange")
        ->check(count_between(1, kTokensMax))
        ->capture_default_str();
    app.add_flag(
        "--equal-tokens", equal_tokens_,
        "the batched decode's sequences all have the same tokens, and so the same experts");
    app.add_option("--repeats", flags_.plan.repeats, "of the prefill; the others follow")
        ->check(count_between(1, kRepeatsMax))
        ->capture_default_str();
  }

  Result<void> run(Invocation& invocation) override {
    if (equal_tokens_) flags_.plan.batch_tokens = BatchTokens::kEqual;
    BenchRows rows(flags_.json_lines ? BenchRows::Format::kJsonLines : BenchRows::Format::kText);
    if (flags_.area == "exchange") return bench_exchange(invocation, flags_.plan, rows);
    SY_ASSIGN(const auto options, cluster_options(invocation.run()));
    SY_TRY(check_area(options));
    const CeilingMeter meter(options);
    if (flags_.area == "ceilings") return ceilings_alone(invocation, meter, rows);
    flags_.plan.shape = shape_name(invocation.run());
    SY_ASSIGN(const auto source, open_weights(invocation.config));  // an error comes first
    if (is_first_rank(invocation)) {
      SY_TRY(print_ceilings(meter, rows));
      SY_TRY(measure_alone(invocation, options, source->config(), meter, rows));
    }
    // Under mpirun the model's ranks join the world, which a process can do once.
    if (wanted("exchange") && options.device_name == "cpu" &&
        !comm::started_by_mpi_launcher(invocation.env())) {
      SY_TRY(bench_exchange(invocation, flags_.plan, rows));
    }
    return wanted("model") ? bench_model(invocation, flags_.plan, meter, rows) : Result<void>{};
  }

 private:
  [[nodiscard]] bool wanted(std::string_view area) const {
    return flags_.area == "all" || flags_.area == area;
  }

  // What one process measures by itself.
  Result<void> measure_alone(const Invocation& invocation, const engine::ClusterOptions& options,
                             const model::ModelConfig& model, const CeilingMeter& meter,
                             BenchRows& rows) const {
    if (options.device_name != "cpu") return {};
    if (wanted("kernels")) {
      SY_TRY(bench_kernels(options.device, model, flags_.plan, meter, rows));
    }
    if (!wanted("moe")) return {};
    return bench_moe(options, model, flags_.plan, invocation.run().routing.spec, rows);
  }

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

  // Round trips come first: nobody waits in MPI, and takes a core, while the others are measured.
  static Result<void> ceilings_alone(const Invocation& invocation, const CeilingMeter& meter,
                                     BenchRows& rows) {
    std::vector<BenchRow> round_trips;
    if (comm::started_by_mpi_launcher(invocation.env())) {
      SY_ASSIGN(round_trips, bench_bare_mpi(invocation));
    }
    if (!is_first_rank(invocation)) return {};
    SY_TRY(print_ceilings(meter, rows));
    for (const BenchRow& row : round_trips) rows.add(row);
    return {};
  }

  static Result<void> print_ceilings(const CeilingMeter& meter, BenchRows& rows) {
    SY_ASSIGN(const auto ceilings, meter.measure());
    SY_ASSIGN(const auto facts, meter.facts(ceilings));
    rows.print_header(facts);
    return {};
  }

  static std::string shape_name(const config::RunConfig& run) {
    if (!run.model.path.empty()) return std::filesystem::path(run.model.path).filename();
    return fmt::format("d{} E{} f{}", run.model.hidden, run.model.experts, run.model.expert_inner);
  }

  BenchFlags flags_;
  bool equal_tokens_ = false;
};

}  // namespace

std::unique_ptr<Command> make_bench_command() { return std::make_unique<BenchCommand>(); }

}  // namespace switchyard::launcher
