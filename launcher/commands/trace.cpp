#include "launcher/commands/trace.h"

#include <cstdio>

#include "launcher/policy_program.h"
#include "runtime/base/output_file.h"

namespace switchyard::launcher {
namespace {

struct TraceFlags {
  std::string text;
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string out;
  bool json = false;
};

// The format is documented in docs/TRACE.md.
class TraceProgram final : public PolicyProgram {
 public:
  TraceProgram(const TraceFlags& flags, const config::RunConfig& run)
      : PolicyProgram(run), flags_(flags) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    SY_TRY(prepare_policy(model));
    SY_TRY(OutputFile::check(flags_.out));
    if (!flags_.text.empty()) {
      SY_ASSIGN(const auto text,
                read_scored_text(flags_.text, run_.model.path, tokenizer_.get(), model.vocab));
      requests_ = observing_requests(
          scoring_requests(text.ids, window_of(run_, model), run_.sampling.seed));
      for (const auto& request : requests_) names_.push_back(fmt::format("{}", request.id.value()));
      return {};
    }
    SY_ASSIGN(const auto prompts, take_prompts(flags_.prompts, flags_.prompts_file, Grows::kYes));
    requests_ = generation_requests(prompts, run_, model);
    for (auto& request : requests_) request.digest = engine::DigestWanted::kNo;
    for (const auto& prompt : prompts) names_.push_back(prompt.id);
    return {};
  }

  Result<void> run(engine::Session& session) override {
    SY_TRY(run_sequences(session, std::move(requests_), {.selections = true}, "sequences"));
    return check_whole(flags_.out);
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    SY_TRY(write_text_file(flags_.out, trace_lines()));
    const std::size_t count = report_.result.selections.size();
    if (flags_.json) {
      const nlohmann::json document = {
          {"out", flags_.out}, {"sequences", count}, {"report", report_json(report_, model_)}};
      std::printf("%s\n", document_text(document).c_str());
    } else {
      std::printf("wrote %zu sequence(s) to %s\n%s", count, flags_.out.c_str(),
                  report_text(report_, model_).c_str());
    }
    return {};
  }

 private:
  std::string trace_lines() const {
    const nlohmann::json header = {
        {"format", "switchyard-trace"}, {"version", 1},
        {"family", model_.family},      {"layers", model_.moe_layer_count()},
        {"experts", model_.experts},    {"routing", policy_.spec}};
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
  std::vector<engine::SequenceRequest> requests_;
  std::vector<std::string> names_;
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
    app.add_option("--prompt", flags_.prompts, "text to continue while recording")
        ->excludes(text)
        ->allow_extra_args(false);
    app.add_option("--prompts", flags_.prompts_file, "JSON Lines file of prompts")->excludes(text);
    app.add_option("--out", flags_.out, "trace file to write (JSON Lines, docs/TRACE.md)")
        ->required();
    app.add_flag("--json", flags_.json, "the closing report as one JSON document");
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
