#include "launcher/commands/generate.h"

#include <cstdio>

#include "launcher/cluster_run.h"
#include "launcher/job_inputs.h"
#include "launcher/progress_line.h"
#include "launcher/run_report.h"
#include "runtime/engine/logits_digest.h"

namespace switchyard::launcher {
namespace {

struct GenerateFlags {
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string out;
  bool json = false;
};

class GenerateProgram final : public LeadProgram {
 public:
  GenerateProgram(const GenerateFlags& flags, const config::RunConfig& run)
      : flags_(flags), run_(run) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    model_ = model;
    SY_ASSIGN(policy_, read_policy(run_.routing, model));
    SY_ASSIGN(tokenizer_, open_tokenizer(run_.model));
    PromptLimits limits;
    limits.tokens_max = context_of(run_, model);
    limits.vocab = model.vocab;
    SY_ASSIGN(prompts_, read_prompts(flags_.prompts, flags_.prompts_file, tokenizer_.get(), limits));
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
    job.sequences = generation_requests(prompts_, run_, model_);
    const auto progress = [&line](const engine::JobProgress& now) {
      line.update(fmt::format("{} of {} sequences done, {} tokens, {:.1f} s", now.sequences_done,
                              now.sequences, now.tokens, now.seconds));
    };
    SY_ASSIGN(report_.result,
              session.run(std::move(job), engine::Session::Spread::kAllRouters, nullptr, progress));
    report_.routing = policy_.spec;
    return {};
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    SY_ASSIGN(const std::string text, flags_.json ? json_document()
                                      : flags_.prompts_file.empty() ? plain_text()
                                                                    : lines());
    if (flags_.out.empty()) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    } else {
      SY_TRY(write_text_file(flags_.out, text));
    }
    if (!flags_.json) {
      const auto closing = report_text(report_, model_);
      // Generated lines are data on stdout; what people read about them goes to stderr.
      std::FILE* stream = flags_.prompts_file.empty() && flags_.out.empty() ? stdout : stderr;
      std::fwrite(closing.data(), 1, closing.size(), stream);
    }
    if (!report.conserved()) {
      return fail(ErrorCode::kInternal, "pairs were lost: {} dispatched, {} served, {} answered",
                  report.pairs_dispatched(), report.pairs_served(), report.pairs_answered());
    }
    return {};
  }

 private:
  Result<nlohmann::json> sequence_json(const engine::SequenceResult& result) const {
    nlohmann::json entry = {{"id", prompts_[result.id.index()].id},
                            {"prompt_tokens", result.prompt_tokens},
                            {"tokens", result.tokens},
                            {"finish_reason", to_string(result.finish)},
                            {"logits_digest",
                             engine::digest_text(result.digest_high, result.digest_low)}};
    if (tokenizer_) {
      SY_ASSIGN(entry["text"], tokenizer_->decode(result.tokens, model::Tokenizer::Special::kSkip));
    } else {
      entry["text"] = nullptr;
    }
    return entry;
  }

  Result<std::string> json_document() const {
    nlohmann::json document = {{"sequences", nlohmann::json::array()}};
    for (const auto& result : report_.result.sequences) {
      SY_ASSIGN(auto entry, sequence_json(result));
      document["sequences"].push_back(std::move(entry));
    }
    document["report"] = report_json(report_, model_);
    return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }

  Result<std::string> lines() const {
    std::string text;
    for (const auto& result : report_.result.sequences) {
      SY_ASSIGN(const auto entry, sequence_json(result));
      text += entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    return text;
  }

  Result<std::string> plain_text() const {
    std::string text;
    for (const auto& result : report_.result.sequences) {
      const auto& prompt = prompts_[result.id.index()];
      if (report_.result.sequences.size() > 1) text += fmt::format("[{}]\n", prompt.id);
      if (!tokenizer_) {
        text += fmt::format("tokens: {}\n\n", fmt::join(result.tokens, " "));
        continue;
      }
      SY_ASSIGN(const auto continuation,
                tokenizer_->decode(result.tokens, model::Tokenizer::Special::kSkip));
      text += prompt.text + continuation + "\n\n";
    }
    return text;
  }

  GenerateFlags flags_;
  config::RunConfig run_;
  model::ModelConfig model_;
  Policy policy_;
  std::unique_ptr<model::Tokenizer> tokenizer_;
  std::vector<Prompt> prompts_;
  RunReport report_;
};

class GenerateCommand final : public Command {
 public:
  std::string_view name() const override { return "generate"; }
  std::string_view summary() const override { return "continue prompts"; }
  std::string_view examples() const override {
    return "  switchyard generate --preset demo --prompt \"Once upon a time\"\n"
           "  mpirun -n 4 switchyard generate --model DIR --prompt \"...\" --max-tokens 200\n"
           "  switchyard generate --model DIR --prompts FILE.jsonl --out answers.jsonl\n"
           "  switchyard generate --preset demo --prompt \"...\" \\\n"
           "      --routing top-p:theta=0.6,k_min=1,k_max=6 --json\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--prompt", flags_.prompts, "text to continue; may be given several times");
    app.add_option("--prompts", flags_.prompts_file,
                   "JSON Lines: {\"id\": .., \"prompt\": ..} or {\"id\": .., \"tokens\": [..]}; - is "
                   "stdin");
    app.add_option("--out", flags_.out, "write the texts to this file instead of stdout");
    app.add_flag("--json", flags_.json, "one JSON document with texts, digests and the report");
  }
  Result<void> run(Invocation& invocation) override {
    GenerateProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  GenerateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_generate_command() { return std::make_unique<GenerateCommand>(); }

}  // namespace switchyard::launcher
