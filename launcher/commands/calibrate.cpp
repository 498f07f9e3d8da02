#include "launcher/commands/calibrate.h"

#include <algorithm>
#include <cstdio>

#include "launcher/calibration_run.h"
#include "launcher/cluster_run.h"
#include "launcher/job_inputs.h"
#include "launcher/run_report.h"
#include "runtime/base/output_file.h"

namespace switchyard::launcher {
namespace {

struct CalibrateFlags {
  std::string text;
  std::vector<std::string> specs;
  std::string out;
  bool json = false;
};

class CalibrateProgram final : public LeadProgram {
 public:
  CalibrateProgram(const CalibrateFlags& flags, const config::RunConfig& run)
      : flags_(flags), run_(run) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    SY_ASSIGN(const auto tokenizer, open_tokenizer(run_.model));
    SY_ASSIGN(const auto text,
              read_scored_text(flags_.text, run_.model.path, tokenizer.get(), model.vocab));
    const std::size_t window = window_of(run_, model);
    windows_ = scoring_requests(text.ids, window, run_.sampling.seed);
    for (const auto& spec : flags_.specs) {
      auto fits = routing::check_budget(spec, engine::convention_of(model));
      if (!fits) return with_place(std::move(fits).error(), "--budget " + spec);
    }
    return OutputFile::check(flags_.out);
  }

  // A budget's own k_max may be anything up to all experts.
  std::size_t k_max(const model::ModelConfig& /*model*/) const override { return 0; }

  Result<void> run(engine::Session& session) override {
    const SteadyClock clock;
    ProgressLine line(progress_of(run_), clock);
    SY_ASSIGN(const auto gates, observe_gates(session, windows_, {}, line));
    const routing::Calibrator& calibrator = gates.calibrator;
    std::vector<routing::CalibrationEntry> entries;
    for (const auto& spec : flags_.specs) {
      SY_ASSIGN(auto entry, settle_budget(session, windows_, calibrator, spec, line));
      line.clear();
      if (!flags_.json) {
        std::printf("%-52s reaches mean k %.4f on %llu tokens\n", entry.spec.c_str(), entry.mean_k,
                    static_cast<unsigned long long>(calibrator.token_count()));
      }
      entries.push_back(std::move(entry));
    }
    nlohmann::json document = {{"out", flags_.out},
                               {"tokens", calibrator.token_count()},
                               {"entries", nlohmann::json::array()}};
    for (const auto& entry : entries) {
      document["entries"].push_back({{"spec", entry.spec}, {"mean_k", entry.mean_k}});
    }
    SY_TRY(write_text_file(flags_.out, calibrator.calibration(std::move(entries)).to_json()));
    if (flags_.json) {
      std::printf("%s\n", document_text(document).c_str());
      return {};
    }
    std::printf("wrote %s; use it with --calibration %s --routing '%s'\n", flags_.out.c_str(),
                flags_.out.c_str(), flags_.specs.front().c_str());
    return {};
  }

  Result<void> finish(const engine::ClusterReport&) override { return {}; }

 private:
  CalibrateFlags flags_;
  config::RunConfig run_;
  std::vector<engine::SequenceRequest> windows_;
};

class CalibrateCommand final : public Command {
 public:
  std::string_view name() const override { return "calibrate"; }
  std::string_view summary() const override {
    return "find the thresholds that reach a mean number of experts";
  }
  std::string_view examples() const override {
    return "  switchyard calibrate --preset demo --text FILE --budget top-p:mean_k=2 \\\n"
           "      --budget difficulty:estimator=variance,mean_k=2 --out demo.calibration.json\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--text", flags_.text, "text to observe the gates on")->required();
    app.add_option("--budget", flags_.specs,
                   "policy with mean_k= in place of its threshold; may be given several times")
        ->required();
    app.add_option("--out", flags_.out, "calibration file to write (JSON)")->required();
    app.add_flag("--json", flags_.json, "what was found as one JSON document");
  }
  Result<void> run(Invocation& invocation) override {
    CalibrateProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  CalibrateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_calibrate_command() { return std::make_unique<CalibrateCommand>(); }

}  // namespace switchyard::launcher
