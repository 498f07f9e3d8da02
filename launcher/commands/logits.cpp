#include "launcher/commands/logits.h"

#include <cstdio>

#include "launcher/policy_program.h"
#include "runtime/base/output_file.h"
#include "runtime/engine/host_meter.h"
#include "runtime/engine/logits_digest.h"
#include "runtime/model/checkpoint/safetensors_writer.h"

namespace switchyard::launcher {
namespace {

struct LogitsFlags {
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::string out;
  bool last = false;
  bool json = false;
};

class LogitsProgram final : public PolicyProgram {
 public:
  LogitsProgram(const LogitsFlags& flags, const config::RunConfig& run)
      : PolicyProgram(run), flags_(flags) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    SY_TRY(prepare_policy(model));
    SY_ASSIGN(prompts_, take_prompts(flags_.prompts, flags_.prompts_file, Grows::kNo));
    for (const auto& prompt : prompts_) {
      if (prompt.id != "__metadata__") continue;
      return fail(ErrorCode::kBadInput,
                  "{}: id '__metadata__' is no name of a tensor in safetensors", prompt.place);
    }
    SY_TRY(check_memory());
    return OutputFile::check(flags_.out);
  }

  Result<void> run(engine::Session& session) override {
    auto requests = generation_requests(prompts_, run_, model_);
    for (auto& request : requests) {
      request.max_tokens = 0;
      request.wanted = flags_.last ? engine::LogitsWanted::kLast : engine::LogitsWanted::kAll;
    }
    SY_TRY(run_sequences(session, std::move(requests), {.logits = true}, "prompts"));
    return check_whole(flags_.out);
  }

  Result<void> finish(const engine::ClusterReport& report) override {
    report_.cluster = report;
    std::vector<model::TensorToWrite> tensors;
    for (const auto& block : report_.result.logits) {
      tensors.push_back(model::fp32_tensor(prompts_[block.id.index()].id,
                                           {block.rows, model_.vocab}, block.values));
    }
    const std::size_t count = tensors.size();
    SY_TRY(model::write_safetensors(flags_.out, std::move(tensors)));
    nlohmann::json document = {{"out", flags_.out}, {"sequences", nlohmann::json::array()}};
    for (const auto& result : report_.result.sequences) {
      document["sequences"].push_back(
          {{"id", prompts_[result.id.index()].id},
           {"prompt_tokens", result.prompt_tokens},
           {"logits_digest", engine::digest_text(result.digest_high, result.digest_low)}});
    }
    document["report"] = report_json(report_, model_);
    if (flags_.json) {
      std::printf("%s\n", document_text(document).c_str());
    } else {
      std::printf("wrote %zu tensor(s) to %s\n%s", count, flags_.out.c_str(),
                  report_text(report_, model_).c_str());
    }
    return {};
  }

 private:
  // They are all held until the file is written.
  Result<void> check_memory() const {
    std::size_t positions = 0;
    for (const auto& prompt : prompts_) positions += flags_.last ? 1 : prompt.tokens.size();
    const auto bytes = static_cast<double>(positions * model_.vocab * sizeof(float));
    const auto free = static_cast<double>(engine::HostMeter().memory_free_bytes());
    if (free == 0 || bytes <= free) return {};
    return fail(
        ErrorCode::kLimit,
        "the logits of {} positions take {:.1f} GiB, and {:.1f} GiB of memory are free; give "
        "fewer prompts at a time, or --last",
        positions, bytes / kGiB, free / kGiB);
  }

  static constexpr double kGiB = 1 << 30;
  LogitsFlags flags_;
  std::vector<Prompt> prompts_;
};

class LogitsCommand final : public Command {
 public:
  std::string_view name() const override { return "logits"; }
  std::string_view summary() const override {
    return "write the logits of prompts to a safetensors file";
  }
  std::string_view examples() const override {
    return "  switchyard logits --preset demo --prompt \"Once upon a time\" --out "
           "logits.safetensors\n"
           "  mpirun -n 4 switchyard logits --model DIR --prompts FILE.jsonl --last --out F\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--prompt", flags_.prompts, "text; may be given several times")
        ->allow_extra_args(false);
    app.add_option("--prompts", flags_.prompts_file, "JSON Lines file of prompts; - is stdin");
    app.add_option("--out", flags_.out, "safetensors file: tensor <id>, float32 [positions, vocab]")
        ->required();
    app.add_flag("--last", flags_.last, "only the last position: [1, vocab]");
    app.add_flag("--json", flags_.json, "one JSON document with digests and the report");
  }
  Result<void> run(Invocation& invocation) override {
    LogitsProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  LogitsFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_logits_command() { return std::make_unique<LogitsCommand>(); }

}  // namespace switchyard::launcher
