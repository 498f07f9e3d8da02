#include "launcher/commands/place.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "launcher/controller_access.h"
#include "launcher/count_option.h"
#include "launcher/place_report.h"
#include "launcher/prompts.h"
#include "launcher/run_report.h"
#include "runtime/base/clock.h"
#include "runtime/base/output_file.h"
#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "runtime/routing/noise_floor.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kTogetherMax = std::size_t{1} << 28;
constexpr std::size_t kFileBytesMax = std::size_t{1} << 30;
constexpr std::size_t kCountMax = 65'536;  // of ranks, copies, groups
constexpr std::size_t kStepTokensMax = 10'000'000;

struct PlaceFlags {
  std::string trace;
  std::size_t ranks = 0;
  std::string ranks_file;
  std::string planner = "balanced";
  std::size_t replicas = 1;
  std::size_t slots = 0;
  std::size_t groups = 1;
  std::string objective = "tokens";
  std::size_t step_tokens = 64;
  bool every_region = false;
  bool together = false;
  double tolerance = 0.02;
  std::string previous;
  double move_cost = 0;
  std::size_t moves_max = SIZE_MAX;
  double holdout = 0;
  std::string out;
  std::string plan;  // instead of a trace
  bool apply = false;
};

// The sequences to plan on, and those to score on: the same, or the last ones.
struct Windows {
  placement::TraceWindow plan;
  placement::TraceWindow score;
};

Result<Windows> windows_of(const placement::LoadTrace& trace, double holdout) {
  if (holdout == 0) return Windows{trace.all(), trace.all()};
  const std::size_t count = trace.sequences();
  const auto held = static_cast<std::size_t>(std::ceil(holdout * static_cast<double>(count)));
  const Windows windows{{0, count - held}, {count - held, held}};
  if (held == 0 || held >= count || trace.tokens(windows.plan) == 0 ||
      trace.tokens(windows.score) == 0) {
    return fail(ErrorCode::kUsage, "--holdout {}: {} of {} sequences would be held out", holdout,
                held, count);
  }
  return windows;
}

Result<placement::RankList> ranks_of(const PlaceFlags& flags) {
  if (flags.ranks_file.empty() == (flags.ranks == 0)) {
    return fail(ErrorCode::kUsage, "give --ranks N or --ranks-file FILE");
  }
  if (!flags.ranks_file.empty()) {
    SY_ASSIGN(const auto text, read_text_file(flags.ranks_file, kFileBytesMax));
    return placement::parse_rank_list(text, flags.ranks_file);
  }
  placement::RankList list;
  for (std::uint32_t r = 0; r < flags.ranks; ++r) list.ranks.emplace_back(r);
  list.traits.resize(flags.ranks);
  return list;
}

placement::RankList living(const placement::RankList& list) {
  placement::RankList out;
  for (std::size_t r = 0; r < list.ranks.size(); ++r) {
    if (!list.traits[r].alive) continue;
    out.ranks.push_back(list.ranks[r]);
    out.traits.push_back(list.traits[r]);
  }
  return out;
}

// How much the experts' shares of a layer's load change between the windows, mean of the layers.
double drift_of(const placement::LoadTrace& trace, const Windows& windows) {
  const auto before = trace.loads(windows.plan);
  const auto after = trace.loads(windows.score);
  const std::size_t width = trace.experts();
  double sum = 0;
  for (std::size_t l = 0; l < trace.layers(); ++l) {
    sum += placement::load_drift(std::span(before).subspan(l * width, width),
                                 std::span(after).subspan(l * width, width));
  }
  return sum / static_cast<double>(trace.layers());
}

class PlaceCommand final : public Command {
 public:
  std::string_view name() const override { return "place"; }
  std::string_view summary() const override {
    return "plan a placement of experts from a trace; move a running cluster to it";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  std::string_view examples() const override {
    return "  switchyard trace --preset demo --text FILE --out loads.jsonl\n"
           "  switchyard place loads.jsonl --ranks 4 --slots 5 --out plan.json\n"
           "  switchyard place loads.jsonl --ranks-file ranks.json --replicas 2 --holdout 0.5 \\\n"
           "      --previous plan.json --move-cost 50 --moves-max 16 --json\n"
           "  switchyard place --plan plan.json --apply\n"
           "  switchyard generate --preset demo --ranks 4 --colocate \\\n"
           "      --placement file:plan.json --prompt \"...\"\n";
  }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override {
    auto* trace = app.add_option("trace", flags_.trace, "file written by `trace`");
    app.add_option("--plan", flags_.plan, "plan written before, in place of a trace: to --apply it")
        ->excludes(trace);
    app.add_flag("--apply", flags_.apply,
                 "move the experts of a running cluster to the plan, a few copies at a time");
    const auto before = app.get_options();
    add_planning_flags(app);
    for (const auto* option : app.get_options()) {
      if (std::ranges::find(before, option) == before.end()) planning_.push_back(option);
    }
    access_.add_flags(app);
  }

  Result<void> run(Invocation& invocation) override {
    if (!flags_.plan.empty()) return apply_file(invocation);
    if (flags_.trace.empty()) return fail(ErrorCode::kUsage, "give a trace, or --plan FILE");
    if (!flags_.out.empty()) SY_TRY(OutputFile::check(flags_.out));
    SY_ASSIGN(const auto text, read_text_file(flags_.trace, kFileBytesMax));
    SY_ASSIGN(const auto trace, placement::LoadTrace::parse(text, flags_.trace));
    SY_ASSIGN(const Windows windows, windows_of(trace, flags_.holdout));
    SY_ASSIGN(const auto ranks, ranks_of(flags_));
    SY_ASSIGN(auto request, request_of(trace, windows.plan, ranks));
    SY_ASSIGN(const auto before, placement_before(request, ranks));
    const SteadyClock clock;
    const TimePoint started = clock.now();
    SY_ASSIGN(auto plan, placement::plan_placement(flags_.planner, request));
    PlaceReport report;
    report.seconds = to_seconds(clock.now() - started);
    report.before = score(before, ranks, trace, windows.score);
    report.after = score(plan, ranks, trace, windows.score);
    describe(report, trace, windows, living(ranks).ranks.size());
    report.churn = placement::plan_churn(before, plan);
    for (std::size_t l = 0; l < plan.layers(); ++l) {
      for (std::uint32_t e = 0; e < plan.experts(); ++e) {
        report.copies += plan.replicas(l, ExpertId(e)).size();
      }
    }
    placement::RankList written{ranks.ranks, placement::effective_ranks(request)};
    const std::string made =
        placement::plan_to_json({flags_.planner, std::move(written), std::move(plan)});
    if (!flags_.out.empty()) SY_TRY(write_text_file(flags_.out, made));
    if (flags_.apply) {
      SY_ASSIGN(report.applied, ask(invocation, made));
    }
    std::printf("%s", access_.json() ? (document_text(place_json(report)) + "\n").c_str()
                                     : place_text(report).c_str());
    return {};
  }

 private:
  void add_planning_flags(CLI::App& app) {
    auto* count = app.add_option("--ranks", flags_.ranks, "expert ranks 0..N-1, all alike")
                      ->check(CLI::Range(1, 65536));
    app.add_option("--ranks-file", flags_.ranks_file,
                   "JSON file of ranks (docs/PLAN.md), or a plan")
        ->excludes(count);
    app.add_option("--planner", flags_.planner, "balanced, eplb, contiguous, round-robin")
        ->capture_default_str();
    app.add_option("--replicas", flags_.replicas, "least copies of every expert, on distinct ranks")
        ->check(count_between(1, kCountMax))
        ->capture_default_str();
    app.add_option("--slots", flags_.slots, "copies that a rank holds in a layer; 0: few enough")
        ->check(count_between(0, kCountMax));
    app.add_option("--groups", flags_.groups, "expert groups (eplb)")
        ->check(count_between(1, kCountMax))
        ->capture_default_str();
    app.add_option("--objective", flags_.objective, "tokens (prefill) or activated (decode)")
        ->capture_default_str();
    app.add_option("--step-tokens", flags_.step_tokens, "tokens of a step, for activated experts")
        ->check(count_between(1, kStepTokensMax))
        ->capture_default_str();
    app.add_flag("--every-region", flags_.every_region, "a copy of each expert in each region");
    app.add_flag("--together", flags_.together, "bring experts chosen together onto one rank");
    app.add_option("--tolerance", flags_.tolerance, "imbalance that --together may add")
        ->capture_default_str();
    app.add_option("--previous", flags_.previous, "plan to start from, written by `place`");
    app.add_option("--move-cost", flags_.move_cost, "what a moved copy must save (docs/PLAN.md)");
    app.add_option("--moves-max", flags_.moves_max, "most moved copies in all layers")
        ->check(count_between(0, SIZE_MAX));
    app.add_option("--holdout", flags_.holdout, "share of the sequences, the last, to score on")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--out", flags_.out, "plan to write (JSON, docs/PLAN.md)");
  }

  // What the controller says to the plan where it takes it: the copies to load.
  Result<std::string> ask(const Invocation& invocation, const std::string& plan) const {
    SY_ASSIGN(const auto answer, access_.ask(invocation, control::Place{plan}));
    return answer.reason;
  }

  Result<void> apply_file(const Invocation& invocation) const {
    if (!flags_.apply) return fail(ErrorCode::kUsage, "--plan FILE goes with --apply");
    for (const auto* option : planning_) {
      if (option->count() == 0) continue;
      return fail(ErrorCode::kUsage,
                  "--plan FILE is applied as it is: {} is for a plan that is made from a trace",
                  option->get_name());
    }
    SY_ASSIGN(auto text, read_text_file(flags_.plan, kFileBytesMax));
    SY_TRY(placement::parse_plan(text, flags_.plan));
    return access_.request(invocation, control::Place{std::move(text)}, "the plan " + flags_.plan);
  }

  Result<placement::PlanRequest> request_of(const placement::LoadTrace& trace,
                                            placement::TraceWindow window,
                                            const placement::RankList& ranks) const {
    placement::PlanRequest request;
    request.expert_ranks = ranks.ranks;
    request.ranks = ranks.traits;
    request.layers = trace.layers();
    request.experts = trace.experts();
    request.replicas = flags_.replicas;
    request.loads = trace.loads(window);
    request.tokens = trace.tokens(window);
    request.slots = flags_.slots;
    request.groups = flags_.groups;
    SY_ASSIGN(request.objective, placement::parse_objective(flags_.objective));
    request.step_tokens = flags_.step_tokens;
    request.every_region = flags_.every_region;
    if (flags_.together) {
      if (request.layers * request.experts * request.experts > kTogetherMax) {
        return fail(ErrorCode::kLimit, "--together: {} layers of {} experts are too many pairs",
                    request.layers, request.experts);
      }
      request.chosen_together = trace.chosen_together(window);
    }
    request.together_tolerance = flags_.tolerance;
    request.moves = {flags_.move_cost, flags_.moves_max};
    if (!flags_.previous.empty()) {
      SY_ASSIGN(const auto text, read_text_file(flags_.previous, kFileBytesMax));
      SY_ASSIGN(auto previous, placement::parse_plan(text, flags_.previous));
      request.previous = std::move(previous.placement);
    }
    return request;
  }

  // The previous plan, or what would run without a plan.
  Result<placement::Placement> placement_before(const placement::PlanRequest& request,
                                                const placement::RankList& ranks) const {
    if (request.previous.layers() != 0) {
      SY_TRY(placement::check_request(request));
      return request.previous;
    }
    placement::PlanRequest plain;
    plain.expert_ranks = living(ranks).ranks;
    plain.layers = request.layers;
    plain.experts = request.experts;
    return placement::plan_placement("contiguous", plain);
  }

  placement::PlanScore score(const placement::Placement& placement,
                             const placement::RankList& ranks, const placement::LoadTrace& trace,
                             placement::TraceWindow window) const {
    return placement::score_plan(placement, ranks, trace, window, flags_.step_tokens);
  }

  void describe(PlaceReport& report, const placement::LoadTrace& trace, const Windows& windows,
                std::size_t rank_count) const {
    report.planner = flags_.planner;
    report.before_name = flags_.previous.empty() ? "contiguous" : flags_.previous;
    report.out = flags_.out;
    report.tokens_planned = trace.tokens(windows.plan);
    report.tokens_scored = trace.tokens(windows.score);
    report.held_out = flags_.holdout != 0;
    if (report.held_out) report.drift = drift_of(trace, windows);
    report.step_tokens = flags_.step_tokens;
    std::uint64_t pairs = 0;
    for (const auto load : trace.loads(windows.score)) pairs += load;
    report.imbalance_floor =
        routing::uniform_noise_floor({trace.experts(), rank_count, pairs / trace.layers(), 20, 0})
            .rank_max_over_mean;
  }

  PlaceFlags flags_;
  std::vector<const CLI::Option*> planning_;  // flags that only the making of a plan heeds
  ControllerAccess access_;
};

}  // namespace

std::unique_ptr<Command> make_place_command() { return std::make_unique<PlaceCommand>(); }

}  // namespace switchyard::launcher
