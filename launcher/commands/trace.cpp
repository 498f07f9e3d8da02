#include "launcher/commands/trace.h"

#include <algorithm>
#include <cstdio>

#include "launcher/cluster_run.h"
#include "launcher/job_inputs.h"
#include "launcher/progress_line.h"
#include "launcher/run_report.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kWindowDefault = 512;

struct TraceFlags {
  std::string text;
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string out;
};

// The format is documented in docs/TRACE.md.
class TraceProgram final : public LeadProgram {
 public:
  TraceProgram(const TraceFlags& flags, const config::RunConfig& run) : flags_(flags), run_(run) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    model_ = model;
    SY_ASSIGN(policy_, read_policy(run_.routing, model));
    SY_ASSIGN(const auto tokenizer, open_tokenizer(run_.model));
    if (!flags_.text.empty()) {
      SY_ASSIGN(const auto text, read_scored_text(flags_.text, tokenizer.get()));
      const std::size_t window = run_.engine.context != 0
                                     ? run_.engine.context
                                     : std::min(kWindowDefault, model.context_max);
      requests_ = scoring_requests(text.ids, window);
      for (auto& request : requests_) {
        request.targets.clear();
        request.wanted = engine::LogitsWanted::kLast;
        names_.push_back(fmt::format("{}", request.id.value()));
      }
      return {};
    }
    PromptLimits limits;
    limits.tokens_max = context_of(run_, model);
    limits.vocab = model.vocab;
    SY_ASSIGN(const auto prompts,
              read_prompts(flags_.prompts, flags_.prompts_file, tokenizer.get(), limits));
    requests_ = generation_requests(prompts, run_, model);
    for (const auto& prompt : prompts) names_.push_back(prompt.id);
    return {};
  }

  std::size_t k_max(const model::ModelConfig& model) const override {
    return configured_k_max(run_, model);
  }

  Result<void> run(engine::Session& session) override {
    const SteadyClock clock;
    ProgressLine line(run_.log.progress ? ProgressLine::Show::kYes : ProgressLine::Show::kNo,
                      clock);
    engine::Job job;
    job.routing = policy_.spec;
    job.calibration = policy_.calibration;
    job.keeps.selections = true;
    job.sequences = std::move(requests_);
    SY_ASSIGN(report_.result,
              session.run(std::move(job), engine::Session::Spread::kAllRouters, nullptr,
                          [&line](const engine::JobProgress& now) {
                            line.update(fmt::format("tracing: {} of {} sequences",
                                                    now.sequences_done, now.sequences));
                          }));
    report_.routing = policy_.spec;
    return {};
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    SY_TRY(write_text_file(flags_.out, trace_lines()));
    std::printf("wrote %zu sequence(s) to %s\n%s", report_.result.selections.size(),
                flags_.out.c_str(), report_text(report_, model_).c_str());
    return {};
  }

 private:
  std::string trace_lines() const {
    const nlohmann::json header = {{"format", "switchyard-trace"},
                                   {"version", 1},
                                   {"family", model_.family},
                                   {"layers", model_.moe_layer_count()},
                                   {"experts", model_.experts},
                                   {"routing", policy_.spec}};
    std::string text = header.dump() + "\n";
    std::vector<std::vector<std::uint64_t>> loads(model_.moe_layer_count(),
                                                  std::vector<std::uint64_t>(model_.experts));
    for (const auto& block : report_.result.selections) {
      nlohmann::json line = {{"id", names_[block.id.index()]}, {"layers", nlohmann::json::array()}};
      for (std::size_t layer = 0; layer < block.k.size(); ++layer) {
        line["layers"].push_back({{"k", block.k[layer]}, {"experts", block.experts[layer]}});
        for (const auto expert : block.experts[layer]) ++loads[layer][expert];
      }
      text += line.dump() + "\n";
    }
    return text + nlohmann::json{{"loads", loads}}.dump() + "\n";
  }

  TraceFlags flags_;
  config::RunConfig run_;
  model::ModelConfig model_;
  Policy policy_;
  std::vector<engine::SequenceRequest> requests_;
  std::vector<std::string> names_;
  RunReport report_;
};

class TraceCommand final : public Command {
 public:
  std::string_view name() const override { return "trace"; }
  std::string_view summary() const override { return "record expert loads and selections"; }
  std::string_view examples() const override {
    return "  switchyard trace --preset demo --text FILE --out loads.jsonl\n"
           "  switchyard trace --preset demo --prompt \"...\" --max-tokens 32 --out loads.jsonl\n";
  }
  void add_flags(CLI::App& app) override {
    auto* text = app.add_option("--text", flags_.text, "text file, cut into windows");
    app.add_option("--prompt", flags_.prompts, "text to continue while recording")->excludes(text);
    app.add_option("--prompts", flags_.prompts_file, "JSON Lines file of prompts")->excludes(text);
    app.add_option("--out", flags_.out, "trace file to write (JSON Lines, docs/TRACE.md)")
        ->required();
  }
  Result<void> run(Invocation& invocation) override {
    TraceProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  TraceFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_trace_command() { return std::make_unique<TraceCommand>(); }

}  // namespace switchyard::launcher
