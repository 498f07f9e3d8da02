#include "tests/unit/allocations/decode_run.h"

#include "runtime/base/check.h"
#include "runtime/engine/session.h"
#include "tests/unit/allocations/counted_new.h"

namespace switchyard::tests {
namespace {

using engine::SequenceRequest;
using engine::Session;

constexpr std::uint32_t kTokens = 64;  // of the lead's sequences
constexpr std::uint32_t kFirstWatched = 8;
constexpr std::uint32_t kLastWatched = 56;

std::unique_ptr<model::WeightSource> small_model() {
  model::ModelConfig config;
  config.family = "qwen3_moe";
  config.vocab = 96;
  config.hidden = 64;
  config.layers = 3;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_size = 16;
  config.qk_norm = kernels::QkNorm::kPerHead;
  config.context_max = 256;
  config.experts = 8;
  config.experts_per_token = 2;
  config.expert_inner = 32;
  config.moe_layer.assign(config.layers, true);
  return model::make_random_weights(config, 1);
}

// Three sequences for each router, admitted together. The lead's end first, so that what the other
// routers do at the end of theirs is outside what is watched.
engine::Job make_job(const DecodeRun& run) {
  engine::Job job;
  job.routing = run.routing;
  for (std::uint32_t i = 0; i < 3 * run.routers; ++i) {
    SequenceRequest request;
    request.id = SequenceId(i);
    request.tokens.assign(3 + i, 1 + i);
    request.max_tokens = i % run.routers == 0 ? kTokens : 3 * kTokens;
    request.sampling.temperature = run.temperature;
    job.sequences.push_back(request);
  }
  return job;
}

// Reads the counter at the first sequence's tokens.
class Watch final : public engine::Observer {
 public:
  explicit Watch(std::uint64_t show) : show_(show) {}
  void on_token(const SequenceRequest& request, std::uint32_t /*token*/) override {
    if (request.id != SequenceId(0)) return;
    ++tokens_;
    if (tokens_ == kFirstWatched) {
      before_ = allocations();
      show_allocations(show_);
    }
    if (tokens_ != kLastWatched) return;
    show_allocations(0);
    counts_ = {kLastWatched - kFirstWatched, allocations() - before_};
  }
  [[nodiscard]] DecodeCounts counts() const noexcept { return counts_; }

 private:
  std::uint64_t show_;
  std::uint32_t tokens_ = 0;
  std::uint64_t before_ = 0;
  DecodeCounts counts_;
};

Result<DecodeCounts> work(const DecodeRun& run, Session& session) {
  SY_TRY(session.open(small_model(), [](std::size_t, std::size_t) {}));
  if (!session.leads()) {
    SY_TRY(session.follow());
    return DecodeCounts{};
  }
  Watch watch(run.show);
  SY_ASSIGN(const auto result, session.run(make_job(run), Session::Spread::kAllRouters, &watch,
                                           [](const engine::JobProgress&) {}));
  SY_CHECK(result.sequences.size() == 3 * run.routers);
  SY_ASSIGN(const auto report, session.close());
  SY_CHECK(report.conserved());
  return watch.counts();
}

}  // namespace

Result<DecodeCounts> run_rank(const DecodeRun& run, comm::Transport& transport) {
  const SteadyClock clock;
  const engine::StopSignals signals;
  engine::ClusterOptions options;
  options.routers = run.routers;
  options.colocation = run.colocation;
  options.device.threads = 1;
  Session session(options, transport, clock, signals, make_null_log());
  auto counts = work(run, session);
  SY_TRY(transport.finalize(Deadline::after(clock, std::chrono::seconds(60))));
  return counts;
}

}  // namespace switchyard::tests
