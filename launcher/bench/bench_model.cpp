#include <chrono>
#include <functional>

#include "launcher/bench/bench_parts.h"
#include "launcher/bench/bench_requests.h"
#include "launcher/job_inputs.h"
#include "runtime/model/layout.h"

namespace switchyard::launcher {
namespace {

double now_us() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// When each token of a job appeared; the gaps are the steps.
class TokenClock final : public engine::Observer {
 public:
  void on_token(const engine::SequenceRequest& request, std::uint32_t /*token*/) override {
    if (request.id == SequenceId(0)) times_us_.push_back(now_us());
  }
  [[nodiscard]] std::vector<double> gaps_us() const {
    std::vector<double> gaps;
    for (std::size_t i = 1; i < times_us_.size(); ++i) {
      gaps.push_back(times_us_[i] - times_us_[i - 1]);
    }
    return gaps;
  }

 private:
  std::vector<double> times_us_;
};

// Weights that one token of one sequence reads: its experts and everything else but the embedding.
double active_bytes(const model::ModelConfig& model, const model::ModelLayout& layout,
                    double mean_experts, double element_bytes) {
  const double experts = mean_experts * static_cast<double>(model.moe_layer_count()) *
                         static_cast<double>(layout.expert_bytes);
  const double attention =
      static_cast<double>(model.layers) * static_cast<double>(model.hidden) *
      static_cast<double>(model.head_size * (2 * model.heads + 2 * model.kv_heads)) * element_bytes;
  const double gates =
      static_cast<double>(model.moe_layer_count() * model.experts * model.hidden) * 4;
  const double head = static_cast<double>(model.vocab * model.hidden) * element_bytes;
  return experts + attention + gates + head;
}

class ModelBench final : public LeadProgram {
 public:
  ModelBench(const config::RunConfig& run, const BenchPlan& plan, const CeilingMeter& meter,
             BenchRows& rows)
      : run_(run), plan_(plan), meter_(meter), rows_(rows) {}

  Result<void> prepare(const model::ModelConfig& model) override {
    model_ = model;
    SY_ASSIGN(policy_, read_policy(run_.routing, model));
    return {};
  }
  std::size_t k_max(const model::ModelConfig& model) const override {
    return configured_k_max(run_, model);
  }
  Result<void> run(engine::Session& session) override {
    SY_TRY(block([&] { return prefill(session); }));
    SY_TRY(block([&] { return decode(session, 1, 1); }));
    return block([&] { return decode(session, plan_.sequences, 32); });
  }
  Result<void> finish(const engine::ClusterReport& /*report*/) override { return {}; }

 private:
  // What keeps a figure from being higher, and how much of it a token takes: FLOP or bytes.
  enum class Bound { kNone, kArithmetic, kReading };
  struct Figure {
    BenchRow row;
    Bound bound = Bound::kNone;
    double per_token = 0;
  };

  // The ceilings on both sides of a block: what was measured minutes ago may be another machine's
  // by now.
  Result<void> block(const std::function<Result<Figure>()>& work) {
    SY_ASSIGN(const auto before, meter_.measure_again());
    SY_ASSIGN(auto figure, work());
    SY_ASSIGN(const auto after, meter_.measure_again());
    set_ceiling(figure, best_of(before, after));
    rows_.add(figure.row);
    return {};
  }

  void set_ceiling(Figure& figure, const kernels::Ceilings& ceilings) const {
    auto& row = figure.row;
    if (figure.bound == Bound::kReading) {
      row.ceiling = ceilings.read_gbs * 1e9 / figure.per_token;
      row.limit = "read bandwidth";
    } else if (figure.bound == Bound::kArithmetic) {
      const bool bf16 = run_.device.precision == "bf16" && ceilings.bf16_gflops > 0;
      row.ceiling = (bf16 ? ceilings.bf16_gflops : ceilings.fp32_gflops) * 1e9 / figure.per_token;
      row.limit = !bf16 ? "fp32 peak" : run_.device.name == "cuda" ? "mma.sync peak" : "bf16 peak";
    }
  }

  Result<engine::JobResult> job(engine::Session& session,
                                std::vector<engine::SequenceRequest> requests,
                                engine::Observer* observer) {
    engine::Job job;
    job.routing = policy_.spec;
    job.calibration = policy_.calibration;
    job.sequences = std::move(requests);
    SY_ASSIGN(auto result, session.run(job, engine::Session::Spread::kAllRouters, observer,
                                       [](const engine::JobProgress&) {}));
    for (const auto& sequence : result.sequences) {
      if (sequence.finish != engine::FinishReason::kInterrupted) continue;
      return fail(ErrorCode::kInterrupted, "stopped before all of it was measured");
    }
    return result;
  }

  Result<Figure> prefill(engine::Session& session) {
    std::vector<double> times;
    double mean_k = 0;
    for (std::size_t i = 0; i <= plan_.repeats; ++i) {
      SY_ASSIGN(
          const auto result,
          job(session, bench_requests({1, plan_.prompt_tokens, 0, model_.vocab, i}), nullptr));
      mean_k = result.stats.mean_k();
      if (i > 0) times.push_back(1e6 * result.times.prompt_seconds);  // the first one warms up
    }
    BenchRow row;
    row.name = fmt::format("prefill/{}/{}/{} tokens", run_.device.precision, plan_.shape,
                           plan_.prompt_tokens);
    row.sample = summarise(std::move(times));
    row.unit = "tokens/s";
    row.achieved = 1e6 * static_cast<double>(plan_.prompt_tokens) / row.sample.us_p50;
    const auto flops = model::flops_per_token(model_, mean_k);
    return Figure{std::move(row), Bound::kArithmetic, flops.total() - flops.head};
  }

  Result<Figure> decode(engine::Session& session, std::size_t sequences, std::size_t prompt) {
    TokenClock clock;
    const auto requests = [&](std::size_t tokens) {
      return bench_requests({sequences, prompt, tokens, model_.vocab, 1, plan_.batch_tokens});
    };
    SY_TRY(job(session, requests(16), nullptr));  // warms up
    SY_ASSIGN(const auto result, job(session, requests(plan_.decode_tokens), &clock));
    BenchRow row;
    const bool equal = sequences > 1 && plan_.batch_tokens == BatchTokens::kEqual;
    row.name = fmt::format("decode/{}/{}/{} sequence(s){}", run_.device.precision, plan_.shape,
                           sequences, equal ? " of equal tokens" : "");
    row.sample = summarise(clock.gaps_us());
    row.unit = "tokens/s";
    row.achieved = static_cast<double>(result.times.decode_tokens) / result.times.decode_seconds;
    if (sequences != 1) return Figure{std::move(row)};
    model::LayoutOptions options;
    const bool bf16 = run_.device.precision == "bf16";
    options.precision = bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32;
    const auto layout = model::compute_layout(model_, options);
    return Figure{std::move(row), Bound::kReading,
                  active_bytes(model_, layout, result.stats.mean_k(), bf16 ? 2 : 4)};
  }

  config::RunConfig run_;
  BenchPlan plan_;
  const CeilingMeter& meter_;
  BenchRows& rows_;
  model::ModelConfig model_;
  Policy policy_;
};

}  // namespace

Result<void> bench_model(const Invocation& invocation, const BenchPlan& plan,
                         const CeilingMeter& meter, BenchRows& rows) {
  ModelBench program(invocation.run(), plan, meter, rows);
  return run_on_cluster(invocation, program);
}

}  // namespace switchyard::launcher
