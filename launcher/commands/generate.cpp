#include "launcher/commands/generate.h"

#include <algorithm>
#include <cstdio>

#include "launcher/policy_program.h"
#include "launcher/result_output.h"
#include "runtime/base/output_file.h"
#include "runtime/engine/logits_digest.h"

namespace switchyard::launcher {
namespace {

struct GenerateFlags {
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string out;
  bool json = false;
};

// Who reads stdout: mpirun stops reading when it ends the job.
enum class Reader { kAnyone, kMpirun };

class GenerateProgram final : public PolicyProgram, public ServedProgram {
 public:
  GenerateProgram(const GenerateFlags& flags, const config::RunConfig& run, Reader reader)
      : PolicyProgram(run), flags_(flags), reader_(reader) {}

  void heed(const StopWatch& stop_watch) override { stop_watch_ = &stop_watch; }

  Result<void> prepare(const model::ModelConfig& model) override {
    SY_TRY(prepare_policy(model));
    SY_ASSIGN(prompts_, take_prompts(flags_.prompts, flags_.prompts_file, Grows::kYes));
    return flags_.out.empty() ? Result<void>{} : OutputFile::check(flags_.out);
  }

  // Without a controller nobody could say where the rows of a regime may go.
  Result<void> run(engine::Session& session) override {
    for (const auto& prompt : prompts_) {
      if (prompt.regime.empty()) continue;
      return fail(ErrorCode::kUsage, "{}: the residency rule '{}' needs `switchyard launch`",
                  prompt.place, prompt.regime);
    }
    return run_sequences(session, requests(), {}, "sequences");
  }

  Result<void> check_input(const model::ModelConfig& model) override { return prepare(model); }

  std::vector<engine::SequenceRequest> requests() const override {
    auto requests = generation_requests(prompts_, run_, model_);
    if (!shows_digests()) {
      for (auto& request : requests) request.digest = engine::DigestWanted::kNo;
    }
    return requests;
  }

  Result<void> conclude(engine::JobResult result, const engine::ClusterReport& report) override {
    report_.result = std::move(result);
    return finish(report);
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    SY_ASSIGN(std::string text, flags_.json                   ? json_document()
                                : flags_.prompts_file.empty() ? plain_text()
                                                              : lines());
    // Generated lines are data on stdout; what people read about them goes to stderr.
    const auto closing = flags_.json ? std::string() : report_text(report_, model_);
    const bool closing_apart = !flags_.prompts_file.empty() || !flags_.out.empty();
    if (!closing_apart) text += closing;
    SY_TRY(put_out(text));
    if (closing_apart) std::fwrite(closing.data(), 1, closing.size(), stderr);
    return check_finite();
  }

 private:
  [[nodiscard]] bool shows_digests() const { return flags_.json || !flags_.prompts_file.empty(); }
  [[nodiscard]] Result<void> put_out(std::string_view text) const {
    if (!flags_.out.empty()) return write_text_file(flags_.out, text);
    const bool stopped =
        std::ranges::any_of(report_.result.sequences, [](const engine::SequenceResult& result) {
          return result.finish == engine::FinishReason::kInterrupted;
        });
    if (stopped && reader_ == Reader::kMpirun && stop_watch_ != nullptr) {
      const std::string_view extension = flags_.json                   ? ".json"
                                         : flags_.prompts_file.empty() ? ".txt"
                                                                       : ".jsonl";
      return put_on_stdout_of_mpirun(text, extension,
                                     [this] { return stop_watch_->job_may_end(); });
    }
    put_on_stdout(text);
    return {};
  }
  // What came out stands; that it ends early is an error.
  Result<void> check_finite() const {
    for (const auto& result : report_.result.sequences) {
      if (result.finish != engine::FinishReason::kNotFinite) continue;
      return fail(ErrorCode::kBadInput,
                  "{}: the logits are not finite after {} tokens; are the model's weights sound?",
                  prompts_[result.id.index()].place, result.tokens.size());
    }
    return {};
  }

  Result<nlohmann::json> sequence_json(const engine::SequenceResult& result) const {
    nlohmann::json entry = {
        {"id", prompts_[result.id.index()].id},
        {"prompt_tokens", result.prompt_tokens},
        {"tokens", result.tokens},
        {"finish_reason", to_string(result.finish)},
        {"logits_digest", engine::digest_text(result.digest_high, result.digest_low)}};
    const auto& trace = prompts_[result.id.index()].trace;
    if (!trace.empty()) entry["trace_id"] = trace.trace_id_text();
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
    // Here and not with the sequences, which are a function of the input and of nothing else.
    for (const auto& result : report_.result.sequences) {
      if (result.trace.empty()) continue;
      document["report"]["trace_ids"][prompts_[result.id.index()].id] =
          result.trace.trace_id_text();
    }
    return document_text(document) + "\n";
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
  Reader reader_;
  const StopWatch* stop_watch_ = nullptr;  // null where another process takes the signals
  std::vector<Prompt> prompts_;
};

class GenerateCommand final : public Command {
 public:
  std::string_view name() const override { return "generate"; }
  std::string_view summary() const override { return "continue prompts"; }
  std::string_view examples() const override {
    return "  switchyard generate --preset demo --prompt \"Once upon a time\"\n"
           "  mpirun -n 4 --bind-to none switchyard generate --model DIR --prompt \"...\" "
           "--max-tokens 200\n"
           "  switchyard generate --model DIR --prompts FILE.jsonl --out answers.jsonl\n"
           "  switchyard generate --preset demo --prompt \"...\" \\\n"
           "      --routing top-p:theta=0.6,k_min=1,k_max=6 --json\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--prompt", flags_.prompts, "text to continue; may be given several times")
        ->allow_extra_args(false);
    app.add_option(
        "--prompts", flags_.prompts_file,
        "JSON Lines: {\"id\": .., \"prompt\": ..} or {\"id\": .., \"tokens\": [..]}; - is "
        "stdin");
    app.add_option("--out", flags_.out, "write the texts to this file instead of stdout");
    app.add_flag("--json", flags_.json, "one JSON document with texts, digests and the report");
  }
  std::unique_ptr<ServedProgram> serve(const config::RunConfig& run) override {
    return std::make_unique<GenerateProgram>(flags_, run, Reader::kAnyone);
  }
  Result<void> run(Invocation& invocation) override {
    const bool under_mpirun = comm::started_by_mpi_launcher(invocation.env());
    GenerateProgram program(flags_, invocation.run(),
                            under_mpirun ? Reader::kMpirun : Reader::kAnyone);
    return run_on_cluster(invocation, program);
  }

 private:
  GenerateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_generate_command() { return std::make_unique<GenerateCommand>(); }

}  // namespace switchyard::launcher
