#include <atomic>
#include <chrono>
#include <functional>

#include "launcher/bench/bench_parts.h"
#include "runtime/base/random.h"
#include "runtime/engine/rank_parts.h"
#include "runtime/model/weight_rows.h"
#include "runtime/model/weight_source.h"

namespace switchyard::launcher {
namespace {

double us_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// One MoE layer of one process: gate, selection, plan, experts, combine.
class MoeLayerBench {
 public:
  static Result<std::unique_ptr<MoeLayerBench>> create(const engine::ClusterOptions& options,
                                                       model::ModelConfig model,
                                                       const std::string& routing) {
    model.layers = 1;
    model.moe_layer.assign(1, true);
    auto bench = std::unique_ptr<MoeLayerBench>(new MoeLayerBench(model));
    bench->transport_ = std::move(comm::make_local_world(1, {}).front());
    bench->source_ = model::make_random_weights(model, 1);
    SY_ASSIGN(bench->router_, routing::make_router(routing, engine::convention_of(model), {}));
    SY_ASSIGN(bench->parts_,
              engine::make_rank_parts(options, *bench->source_, *bench->transport_, bench->clock_,
                                      bench->abandon_, [](std::size_t, std::size_t) {}));
    SY_ASSIGN(const auto gate, bench->source_->get({model::WeightRole::kGate, 0, 0}));
    SY_ASSIGN(bench->gate_, bench->parts_.device->pack_gate(gate));
    return bench;
  }

  // Microseconds of the parts of one pass, in this order: gate, select, dispatch (plan, gather),
  // finish (experts and combine), experts alone.
  struct Parts {
    double gate = 0;
    double select = 0;
    double dispatch = 0;
    double finish = 0;
    double experts = 0;
    [[nodiscard]] double total() const { return gate + select + dispatch + finish; }
    [[nodiscard]] double overhead() const { return total() - experts; }
  };

  // Buffers of a pass of `tokens` tokens, made and touched before anything is measured.
  struct Buffers {
    std::size_t tokens = 0;
    Array<float> x;
    Array<float> logits;
    Array<float> residual;
    kernels::DeviceMemory operand;
    std::vector<std::uint32_t> keys;
    std::vector<std::uint64_t> seeds;
  };
  [[nodiscard]] Result<Buffers> make_buffers(std::size_t tokens) {
    selections_.reserve(tokens, router_->k_max());
    auto& device = *parts_.device;
    const DType operand = kernels::operand_dtype(device.precision());
    const std::size_t row_bytes = model_.hidden * sizeof(float);
    SY_ASSIGN(auto x, device.allocate_wire(tokens * row_bytes));
    SY_ASSIGN(auto logits, device.allocate_wire(tokens * model_.experts * sizeof(float)));
    SY_ASSIGN(auto residual, device.allocate_wire(tokens * row_bytes));
    SY_ASSIGN(auto rows, device.allocate(tokens * model_.hidden * size_bytes(operand)));
    return Buffers{tokens,
                   Array<float>(std::move(x)),
                   Array<float>(std::move(logits)),
                   Array<float>(std::move(residual)),
                   std::move(rows),
                   std::vector<std::uint32_t>(tokens),
                   std::vector<std::uint64_t>(tokens)};
  }

  Result<Parts> pass(Buffers& buffers, std::uint64_t seed) {
    auto& device = *parts_.device;
    const std::size_t tokens = buffers.tokens;
    Random random(seed);
    for (auto& value : buffers.x.span()) value = static_cast<float>(random.next_unit() * 2 - 1);
    const DType dtype = kernels::operand_dtype(device.precision());
    const MatrixView<float> xs(buffers.x.data(), tokens, model_.hidden);
    const MutableRows rows{buffers.operand.data(), dtype, tokens, model_.hidden, model_.hidden};
    const Rows fp32{reinterpret_cast<const std::byte*>(buffers.x.data()), DType::kF32, tokens,
                    model_.hidden, model_.hidden};
    device.convert(fp32, rows);
    const MatrixView<float> gate_logits(buffers.logits.data(), tokens, model_.experts);
    routing::TokenSignals signals;
    signals.positions = buffers.keys;
    signals.token_ids = buffers.keys;
    signals.sequence_seeds = buffers.seeds;
    selections_.clear();
    Parts parts;
    const auto busy = parts_.plane->counters().busy_ns;
    Result<void> gated{};
    parts.gate = us_of([&] {
      device.gate(xs, *gate_, gate_logits);
      gated = device.synchronize();
    });
    SY_TRY(std::move(gated));
    parts.select = us_of([&] { router_->route(0, gate_logits, signals, selections_); });
    Result<void> begun{};
    parts.dispatch =
        us_of([&] { begun = parts_.plane->begin(0, 0, ++step_, rows, selections_, buffers.keys); });
    SY_TRY(std::move(begun));
    Result<moe::ExchangeWait> finished = moe::ExchangeWait::kCombined;
    const MatrixView<float> out(buffers.residual.data(), tokens, model_.hidden);
    parts.finish = us_of([&] { finished = parts_.plane->finish(0, out); });
    SY_TRY(std::move(finished));
    parts.experts = static_cast<double>(parts_.plane->counters().busy_ns - busy) / 1e3;
    return parts;
  }

 private:
  explicit MoeLayerBench(const model::ModelConfig& model) : model_(model) {}

  model::ModelConfig model_;
  SteadyClock clock_;
  std::atomic<bool> abandon_{false};
  std::unique_ptr<comm::Transport> transport_;
  std::unique_ptr<model::WeightSource> source_;
  std::unique_ptr<routing::Router> router_;
  std::unique_ptr<kernels::PackedMatrix> gate_;
  engine::RankParts parts_;
  routing::Selections selections_;
  std::uint64_t step_ = 0;
};

// The whole layer, the share of everything but the experts, and each part of that share.
void add_layer_rows(const std::string& name, std::size_t tokens,
                    const std::vector<MoeLayerBench::Parts>& passes, BenchRows& rows) {
  const auto sample_of = [&passes](const auto& value) {
    std::vector<double> values;
    for (const auto& parts : passes) values.push_back(value(parts));
    return summarise(std::move(values));
  };
  BenchRow row;
  row.name = name;
  row.sample = sample_of([](const auto& parts) { return parts.total(); });
  row.achieved = 1e6 * static_cast<double>(tokens) / row.sample.us_p50;
  row.unit = "tokens/s";
  rows.add(row);
  BenchRow share;
  share.name = name + ": gate+select+plan+combine";
  share.sample = sample_of([](const auto& parts) { return parts.overhead(); });
  share.achieved =
      sample_of([](const auto& parts) { return 100 * parts.overhead() / parts.total(); }).us_p50;
  share.unit = "% of it";
  rows.add(share);
  using Part = double (*)(const MoeLayerBench::Parts&);
  const std::pair<const char*, Part> parts_of_it[] = {
      {"gate", [](const auto& parts) { return parts.gate; }},
      {"select", [](const auto& parts) { return parts.select; }},
      {"plan and dispatch", [](const auto& parts) { return parts.dispatch; }},
      {"group, combine", [](const auto& parts) { return parts.finish - parts.experts; }},
  };
  for (const auto& [part, value] : parts_of_it) {
    BenchRow part_row;
    part_row.name = name + ": " + part;
    part_row.sample = sample_of(value);
    part_row.achieved = sample_of([value = value](const auto& parts) {
                          return 100 * value(parts) / parts.total();
                        }).us_p50;
    part_row.unit = "% of it";
    rows.add(part_row);
  }
}

}  // namespace

Result<void> bench_moe(const engine::ClusterOptions& options, const model::ModelConfig& model,
                       const BenchPlan& plan, const std::string& routing, BenchRows& rows) {
  SY_ASSIGN(const auto bench, MoeLayerBench::create(options, model, routing));
  for (const std::size_t tokens : {1U, 16U, 64U, 512U}) {
    std::vector<MoeLayerBench::Parts> passes;
    SY_ASSIGN(auto buffers, bench->make_buffers(tokens));
    for (std::size_t i = 0; i < 10 * plan.repeats; ++i) {
      SY_ASSIGN(const auto parts, bench->pass(buffers, i));
      if (i >= plan.repeats) passes.push_back(parts);
    }
    add_layer_rows(fmt::format("moe layer/{}/{} tokens", plan.shape, tokens), tokens, passes, rows);
  }
  return {};
}

}  // namespace switchyard::launcher
