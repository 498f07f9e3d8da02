#include "launcher/commands/study.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "launcher/calibration_run.h"
#include "launcher/cluster_run.h"
#include "launcher/count_option.h"
#include "launcher/run_report.h"
#include "launcher/scoring.h"
#include "launcher/study_plot.h"
#include "runtime/base/output_file.h"
#include "runtime/model/layout.h"

namespace switchyard::launcher {
namespace {

// Every eighth window calibrates the thresholds and is not scored.
constexpr std::size_t kCalibrationStride = 8;
constexpr std::size_t kExpertsMax = 65'536;
constexpr std::size_t kWindowsMax = 10'000'000;

struct StudyFlags {
  std::string text;
  std::string out = "study";
  std::vector<double> budgets{1.25, 1.5, 2, 3};
  std::size_t static_k_max = 0;
  std::size_t windows_max = 0;
  bool json = false;
};

struct Rule {
  const char* family;
  const char* spec;  // {0}: mean k, {1}: k_max
  PointKind kind;
};
constexpr std::array kRules{
    Rule{"top-p", "top-p:mean_k={0},k_min=1,k_max={1}", PointKind::kDynamic},
    Rule{"relative", "relative:mean_k={0},k_min=1,k_max={1}", PointKind::kDynamic},
    Rule{"entropy", "entropy:mean_k={0},k_min=1,k_max={1}", PointKind::kDynamic},
    Rule{"margin", "margin:mean_k={0},k_min=1,k_max={1}", PointKind::kDynamic},
    // Entropy and margin with thresholds for each layer.
    Rule{"difficulty entropy", "difficulty:estimator=entropy,mean_k={0},k_min=1,k_max={1}",
         PointKind::kDynamic},
    Rule{"difficulty margin", "difficulty:estimator=margin,mean_k={0},k_min=1,k_max={1}",
         PointKind::kDynamic},
    // With k_min=1 the estimator mass is the same number.
    Rule{"difficulty p1", "difficulty:estimator=p1,mean_k={0},k_min=1,k_max={1}",
         PointKind::kDynamic},
    Rule{"difficulty variance", "difficulty:estimator=variance,mean_k={0},k_min=1,k_max={1}",
         PointKind::kDynamic},
    Rule{"difficulty prior", "difficulty:estimator=prior,mean_k={0},k_min=1,k_max={1}",
         PointKind::kDynamic},
    Rule{"top-p by layer", "top-p:mean_k={0},k_min=1,k_max={1},per_layer=1", PointKind::kDynamic},
    Rule{"relative by layer", "relative:mean_k={0},k_min=1,k_max={1},per_layer=1",
         PointKind::kDynamic},
    Rule{"per-layer", "per-layer:mean_k={0},k_min=1,k_max={1}", PointKind::kPerLayer},
    Rule{"random", "random:mean_k={0},k_min=1,k_max={1}", PointKind::kRandom},
};

class StudyProgram final : public LeadProgram {
 public:
  StudyProgram(const StudyFlags& flags, const config::RunConfig& run) : flags_(flags), run_(run) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    model_ = model;
    if (flags_.static_k_max > model.experts) {
      return fail(ErrorCode::kUsage, "--static-k-max {}: the model has {} experts a layer",
                  flags_.static_k_max, model.experts);
    }
    SY_ASSIGN(const auto tokenizer, open_tokenizer(run_.model));
    SY_ASSIGN(text_, read_scored_text(flags_.text, run_.model.path, tokenizer.get(), model.vocab));
    const std::size_t window = window_of(run_, model);
    auto windows = scoring_requests(text_.ids, window, run_.sampling.seed);
    if (flags_.windows_max != 0 && windows.size() > flags_.windows_max) {
      windows.resize(flags_.windows_max);
    }
    for (std::size_t i = 0; i < windows.size(); ++i) {
      auto& list = i % kCalibrationStride == 0 ? calibration_ : scored_;
      list.push_back(std::move(windows[i]));
    }
    if (scored_.empty()) {
      return fail(ErrorCode::kBadInput, "{}: too short for a study (two windows of {} at least)",
                  flags_.text, window);
    }
    for (const auto& request : scored_) {
      SY_ASSIGN(const auto bytes,
                tokenizer->decode(request.targets, model::Tokenizer::Special::kKeep));
      target_bytes_ += bytes.size();
      target_count_ += request.targets.size();
    }
    SY_TRY(take_budgets());
    SY_TRY(OutputFile::check(flags_.out + ".csv"));
    SY_TRY(OutputFile::check(flags_.out + ".windows.csv"));
    return OutputFile::check(flags_.out + ".svg");
  }

  std::size_t k_max(const model::ModelConfig& model) const override {
    return std::max(static_max(model), model.experts_per_token);
  }

  Result<void> run(engine::Session& session) override {
    const SteadyClock clock;
    ProgressLine line(progress_of(run_), clock);
    for (std::size_t k = 1; k <= static_max(model_); ++k) {
      SY_TRY(measure(session, {fmt::format("topk:k={}", k), {}}, PointKind::kStatic, "static",
                     std::nullopt, line));
    }
    SY_ASSIGN(const auto gates, observe_gates(session, calibration_, {}, line));
    for (const double budget : budgets_) {
      for (const auto& rule : kRules) {
        const auto spec = spec_of(rule, budget);
        if (rule.kind == PointKind::kRandom) {
          // Chance needs no thresholds.
          SY_TRY(measure(session, {spec, {}}, rule.kind, rule.family, budget, line));
          continue;
        }
        auto entry = gates.calibrator.solve(spec);
        if (!entry) return with_place(std::move(entry).error(), spec);
        const auto calibration = gates.calibrator.calibration({*entry}).to_json();
        SY_TRY(measure(session, {entry->spec, calibration}, rule.kind, rule.family, budget, line));
      }
    }
    line.clear();
    compute_gains(points_);
    return write();
  }

  Result<void> finish(const engine::ClusterReport& /*report*/) override { return {}; }

 private:
  std::size_t static_max(const model::ModelConfig& model) const {
    const std::size_t wanted =
        flags_.static_k_max != 0 ? flags_.static_k_max : model.experts_per_token + 2;
    return std::min(model.experts, wanted);
  }

  std::string spec_of(const Rule& rule, double budget) const {
    return fmt::format(fmt::runtime(rule.spec), budget, static_max(model_));
  }

  // Those that a rule with at most static_max(model_) experts can reach; what else is wrong with
  // one is an error now, not after hours.
  Result<void> take_budgets() {
    for (const double budget : flags_.budgets) {
      if (budget > static_cast<double>(static_max(model_))) {
        std::fprintf(stderr, "study: budget %g is above the largest static k, %zu: left out\n",
                     budget, static_max(model_));
        continue;
      }
      for (const auto& rule : kRules) {
        if (rule.kind == PointKind::kRandom) continue;
        const auto spec = spec_of(rule, budget);
        auto fits = routing::check_budget(spec, engine::convention_of(model_));
        if (!fits) return with_place(std::move(fits).error(), "--budgets: " + spec);
      }
      budgets_.push_back(budget);
    }
    return {};
  }

  // In the order of the text.
  [[nodiscard]] std::vector<WindowLoss> window_losses(const engine::JobResult& result) const {
    std::map<SequenceId, double> nats;
    for (const auto& sequence : result.sequences) nats[sequence.id] = sequence.nll;
    std::vector<WindowLoss> losses;
    for (const auto& window : scored_) losses.push_back({window.targets.size(), nats[window.id]});
    return losses;
  }

  Result<void> measure(engine::Session& session, const Policy& policy, PointKind kind,
                       const std::string& family, std::optional<double> budget,
                       ProgressLine& line) {
    SY_ASSIGN(const auto score,
              score_windows(session, policy, scored_, {target_count_, target_bytes_}, line));
    StudyPoint point;
    point.kind = kind;
    point.family = family;
    point.routing = policy.spec;
    point.mean_k = score.result.stats.mean_k();
    point.nll = score.nll;
    point.budget = budget;
    point.windows = window_losses(score.result);
    point.bits_per_byte = score.bits_per_byte;
    point.saved_vs_static = model::compute_savings(model_, point.mean_k).vs_static;
    point.tokens_per_second = score.tokens_per_second();
    points_.push_back(std::move(point));
    return {};
  }

  Result<void> write() const {
    const auto title = fmt::format("{}: {} tokens scored, thresholds from {} other windows",
                                   flags_.text, target_count_, calibration_.size());
    SY_TRY(write_text_file(flags_.out + ".csv", study_csv(points_)));
    SY_TRY(write_text_file(flags_.out + ".windows.csv", study_windows_csv(points_)));
    SY_TRY(write_text_file(flags_.out + ".svg", study_svg(points_, title)));
    if (flags_.json) {
      std::printf("%s\n", document_text(document()).c_str());
      return {};
    }
    std::printf("%s\n%s\n%swrote %s.csv, %s.windows.csv and %s.svg\n", title.c_str(),
                study_table(points_).c_str(), study_verdict(points_).c_str(), flags_.out.c_str(),
                flags_.out.c_str(), flags_.out.c_str());
    return {};
  }

  // What the table shows; a value that a point does not have is null.
  [[nodiscard]] nlohmann::json document() const {
    const auto value = [](const std::optional<double>& each) {
      return each ? nlohmann::json(*each) : nlohmann::json(nullptr);
    };
    nlohmann::json points = nlohmann::json::array();
    for (const auto& point : points_) {
      points.push_back({{"family", point.family},
                        {"routing", point.routing},
                        {"budget", value(point.budget)},
                        {"mean_experts", point.mean_k},
                        {"nll", point.nll},
                        {"bits_per_byte", point.bits_per_byte},
                        {"saved_vs_static", point.saved_vs_static},
                        {"tokens_per_second", point.tokens_per_second},
                        {"gain", value(point.gain)},
                        {"gain_error", value(point.gain_error)},
                        {"chance", value(point.chance)}});
    }
    return {{"out", flags_.out},
            {"tokens", target_count_},
            {"points", points},
            {"verdict", study_verdict(points_)}};
  }

  StudyFlags flags_;
  config::RunConfig run_;
  model::ModelConfig model_;
  ScoredText text_;
  std::vector<engine::SequenceRequest> calibration_;
  std::vector<engine::SequenceRequest> scored_;
  std::size_t target_count_ = 0;
  std::size_t target_bytes_ = 0;
  std::vector<double> budgets_;
  std::vector<StudyPoint> points_;
};

class StudyCommand final : public Command {
 public:
  std::string_view name() const override { return "study"; }
  std::string_view summary() const override {
    return "compare routing policies at equal mean experts";
  }
  std::string_view examples() const override {
    return "  switchyard study --preset demo --text configs/texts/dev.txt --out study\n"
           "  switchyard study --preset demo --text FILE --budgets 1.5 2 --static-k-max 6\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--text", flags_.text, "text to score; every eighth window calibrates instead")
        ->required();
    app.add_option("--out", flags_.out, "writes OUT.csv, OUT.windows.csv and OUT.svg")
        ->capture_default_str();
    app.add_option("--budgets", flags_.budgets,
                   "mean experts per token; those above the largest static k are left out")
        ->capture_default_str();
    app.add_option("--static-k-max", flags_.static_k_max,
                   "static top-k from 1 to this; 0: the checkpoint's k + 2")
        ->check(count_between(0, kExpertsMax));
    app.add_option("--windows", flags_.windows_max, "use only the first windows; 0: all")
        ->check(count_between(0, kWindowsMax));
    app.add_flag("--json", flags_.json, "points and verdict as one JSON document");
  }
  Result<void> run(Invocation& invocation) override {
    StudyProgram program(flags_, invocation.run());
    return run_on_cluster(invocation, program);
  }

 private:
  StudyFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_study_command() { return std::make_unique<StudyCommand>(); }

}  // namespace switchyard::launcher
