#include "launcher/commands/eval.h"

#include <cstdio>

#include "launcher/count_option.h"
#include "launcher/policy_program.h"
#include "launcher/scoring.h"
#include "runtime/base/random.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kRandomTokensMax = 10'000'000;

struct EvalFlags {
  std::string text;
  std::size_t random_tokens = 0;
  bool json = false;
};

// Uniform ids; a byte per id, so that bits per byte are bits per token.
ScoredText random_text(std::size_t tokens, std::uint64_t seed, std::size_t vocab) {
  ScoredText text;
  for (std::size_t i = 0; i < tokens; ++i) {
    text.ids.push_back(static_cast<std::uint32_t>(hash_counters(seed, i) % vocab));
  }
  text.target_bytes = tokens - 1;
  return text;
}

class EvalProgram final : public PolicyProgram {
 public:
  EvalProgram(const EvalFlags& flags, const config::RunConfig& run)
      : PolicyProgram(run), flags_(flags) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    SY_TRY(prepare_policy(model));
    if (flags_.random_tokens > 0) {
      text_ = random_text(flags_.random_tokens, run_.sampling.seed, model.vocab);
      return {};
    }
    SY_ASSIGN(text_, read_scored_text(flags_.text, run_.model.path, tokenizer_.get(), model.vocab));
    return {};
  }

  Result<void> run(engine::Session& session) override {
    const SteadyClock clock;
    ProgressLine line(progress_of(run_), clock);
    SY_ASSIGN(score_, score_text(session, policy_, text_, window_of(run_, model_),
                                 run_.sampling.seed, line));
    report_.result = score_.result;
    return {};
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    if (flags_.json) {
      nlohmann::json document = {{"tokens", score_.tokens},
                                 {"nll", score_.nll},
                                 {"perplexity", score_.perplexity()},
                                 {"bits_per_byte", score_.bits_per_byte},
                                 {"tokens_per_second", score_.tokens_per_second()}};
      document.update(routing_json(score_.result.stats, model_));
      document["report"] = report_json(report_, model_);
      std::printf("%s\n", document_text(document).c_str());
      return {};
    }
    std::printf("%s: %zu tokens, %.4f nats/token, perplexity %.4f, %.4f bits/byte\n%s",
                flags_.random_tokens > 0 ? "random ids" : flags_.text.c_str(), score_.tokens,
                score_.nll, score_.perplexity(), score_.bits_per_byte,
                report_text(report_, model_).c_str());
    return {};
  }

 private:
  EvalFlags flags_;
  ScoredText text_;
  Score score_;
};

class EvalCommand final : public Command {
 public:
  std::string_view name() const override { return "eval"; }
  std::string_view summary() const override {
    return "perplexity of a text under a routing policy";
  }
  std::string_view examples() const override {
    return "  switchyard eval --preset demo --text configs/texts/dev.txt\n"
           "  mpirun -n 4 switchyard eval --preset demo --text FILE --routing topk:k=2 --json\n";
  }
  void add_flags(CLI::App& app) override {
    auto* text =
        app.add_option("--text", flags_.text,
                       "text file; its ids are cut into windows of --context inputs (default 512)");
    app.add_option("--random-tokens", flags_.random_tokens,
                   "score this many random ids instead (a forward pass of random weights)")
        ->check(count_between(2, kRandomTokensMax))
        ->excludes(text);
    app.add_flag("--json", flags_.json, "one JSON document");
  }
  Result<void> run(Invocation& invocation) override {
    EvalProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  EvalFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_eval_command() { return std::make_unique<EvalCommand>(); }

}  // namespace switchyard::launcher
