#include "runtime/engine/rank_parts.h"

#include <algorithm>
#include <thread>

#include "runtime/model/weight_rows.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::engine {
namespace {

// Below this many rows a step is not split: two half-empty micro-batches would make every expert
// rank read its weights twice.
constexpr std::size_t kMicroBatchTokensMin = 64;
constexpr std::size_t kKvBytesDefaultMax = std::size_t{4} << 30;
constexpr std::size_t kHeadBytesMax = std::size_t{32} << 20;

struct Sizes {
  EngineOptions engine;
  moe::DataPlaneOptions plane;
  std::size_t batch_pairs_max = 0;  // pairs of one FFN batch on an expert rank
};

std::size_t kv_page_bytes(const model::ModelConfig& config, kernels::Precision precision) {
  return 2 * config.layers * config.kv_heads * config.head_size * kernels::kKvPageTokens *
         size_bytes(kernels::operand_dtype(precision));
}

Result<std::size_t> kv_pages(const ClusterOptions& options, const SchedulerLimits& limits,
                             const model::ModelConfig& config) {
  const std::size_t page_bytes = kv_page_bytes(config, options.device.precision);
  const std::size_t wanted = limits.sequences_max * KvPages::pages_for(limits.context);
  const std::size_t bytes_max =
      options.kv_bytes_max != 0 ? options.kv_bytes_max : kKvBytesDefaultMax;
  const std::size_t pages = std::min(wanted, bytes_max / page_bytes);
  if (pages == 0) {
    return fail(ErrorCode::kLimit, "engine.kv_mib: {} bytes hold no KV page of {} bytes",
                bytes_max, page_bytes);
  }
  return pages;
}

std::size_t micro_batches(const ClusterOptions& options, const placement::View& view) {
  if (options.micro_batches != 0) return options.micro_batches;
  const bool apart = std::ranges::none_of(
      view.members, [](const auto& member) { return member.router && member.expert; });
  return apart ? 2 : 1;
}

std::size_t experts_per_rank_max(const placement::View& view) {
  std::size_t most = 0;
  for (const auto& member : view.members) {
    if (!member.expert) continue;
    for (std::size_t layer = 0; layer < view.placement.layers(); ++layer) {
      most = std::max(most, view.placement.experts_of(layer, member.rank).size());
    }
  }
  return most;
}

Result<Sizes> make_sizes(const ClusterOptions& options, const model::ModelConfig& config,
                         const placement::View& view) {
  Sizes sizes;
  auto& engine = sizes.engine;
  engine.limits = options.limits;
  if (engine.limits.context == 0) engine.limits.context = config.context_max;
  if (engine.limits.context > config.context_max) {
    return fail(ErrorCode::kLimit, "engine.context {} is above the model's {}",
                engine.limits.context, config.context_max);
  }
  SY_ASSIGN(engine.kv_pages, kv_pages(options, engine.limits, config));
  engine.micro_batches = micro_batches(options, view);
  engine.micro_batch_tokens_min = options.micro_batches != 0 ? 1 : kMicroBatchTokensMin;

  const DType operand = kernels::operand_dtype(options.device.precision);
  auto& plane = sizes.plane;
  plane.tokens_max = micro_batch_tokens_max(engine);
  plane.k_max = options.k_max == 0 ? config.experts : std::min(options.k_max, config.experts);
  plane.exchange_deadline = options.exchange_deadline;
  plane.gather_window = options.gather_window;
  plane.wire = {config.hidden,
                config.moe_layer_count(),
                config.experts,
                plane.tokens_max,
                plane.tokens_max * std::min(plane.k_max, experts_per_rank_max(view)),
                engine.micro_batches,
                operand,
                options.wire.value_or(operand)};
  sizes.batch_pairs_max = options.routers * engine.micro_batches * plane.wire.pairs_max;
  return sizes;
}

Result<void> load_experts(model::WeightSource& source, kernels::Device& device,
                          const placement::View& view, RankId rank, moe::ExpertStore& store,
                          const LoadProgress& progress) {
  const auto& config = source.config();
  std::size_t moe_layer = 0;
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    if (!config.moe_layer[layer]) continue;
    for (const ExpertId expert : view.placement.experts_of(moe_layer, rank)) {
      const std::size_t e = expert.index();
      auto packed = model::pack_swiglu(source, device,
                                       {{model::WeightRole::kExpertGate, layer, e},
                                        {model::WeightRole::kExpertUp, layer, e},
                                        {model::WeightRole::kExpertDown, layer, e}});
      if (!packed) {
        return with_place(std::move(packed).error(), fmt::format("layer {} expert {}", layer, e));
      }
      store.add(moe_layer, expert, std::move(packed).value());
    }
    progress(++moe_layer, config.moe_layer_count());
  }
  return {};
}

}  // namespace

std::size_t threads_for_rank(const ClusterOptions& options, const comm::Transport& transport) {
  if (options.device.threads != 0) return options.device.threads;
  const auto hosts = transport.hosts();
  const auto ranks_here =
      static_cast<std::size_t>(std::ranges::count(hosts, hosts[transport.rank().index()]));
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::max<std::size_t>(1, cores / ranks_here);
}

Result<placement::View> make_static_view(const ClusterOptions& options,
                                         const model::ModelConfig& config,
                                         const comm::Transport& transport) {
  const std::size_t ranks = transport.size();
  if (options.routers == 0 || options.routers > ranks) {
    return fail(ErrorCode::kUsage, "cluster.routers is {}; this run has {} rank(s)",
                options.routers, ranks);
  }
  const bool together = options.colocation == Colocation::kTogether || ranks == 1;
  if (!together && options.routers == ranks) {
    return fail(ErrorCode::kUsage,
                "all {} ranks are routers and none is left for experts; add --colocate or lower "
                "--routers",
                ranks);
  }
  placement::View view;
  view.epoch = Epoch(1);
  std::vector<RankId> expert_ranks;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r < options.routers;
    member.expert = together || !member.router;
    member.host = transport.hosts()[r];
    if (member.expert) expert_ranks.push_back(member.rank);
    view.members.push_back(std::move(member));
  }
  SY_ASSIGN(view.placement,
            placement::plan_placement(options.placement, {std::move(expert_ranks),
                                                          config.moe_layer_count(),
                                                          config.experts, options.replicas}));
  return view;
}

Result<RankParts> make_rank_parts(const ClusterOptions& options, model::WeightSource& source,
                                  comm::Transport& transport, const Clock& clock,
                                  const std::atomic<bool>& abandon,
                                  const LoadProgress& progress) {
  const auto& config = source.config();
  RankParts parts;
  SY_ASSIGN(auto view, make_static_view(options, config, transport));
  parts.view = std::make_shared<const placement::View>(std::move(view));
  SY_ASSIGN(const Sizes sizes, make_sizes(options, config, *parts.view));
  auto device_options = options.device;
  device_options.threads = threads_for_rank(options, transport);
  SY_ASSIGN(parts.device, kernels::make_device(options.device_name, device_options));
  const auto& member = parts.member(transport.rank());
  if (member.router) {
    model::TransformerOptions model_options;
    model_options.context = sizes.engine.limits.context;
    model_options.head_rows_max =
        std::clamp<std::size_t>(kHeadBytesMax / (config.vocab * sizeof(float)), 16, 512);
    SY_ASSIGN(parts.transformer, model::Transformer::load(source, *parts.device, model_options));
  }
  parts.store = std::make_unique<moe::ExpertStore>(config.moe_layer_count(), config.experts);
  SY_TRY(load_experts(source, *parts.device, *parts.view, transport.rank(), *parts.store,
                      progress));
  SY_ASSIGN(auto choice, placement::make_replica_choice(options.replica_choice, *parts.view,
                                                        transport.rank()));
  parts.device->reserve(sizes.plane.tokens_max, member.expert ? sizes.batch_pairs_max : 0,
                        config.hidden, std::max(config.expert_inner, config.dense_inner));
  parts.plane =
      std::make_unique<moe::DataPlane>(sizes.plane, parts.view, std::move(choice), *parts.device,
                                       *parts.store, transport, clock, abandon);
  if (member.router) {
    SY_ASSIGN(parts.engine,
              Engine::create(sizes.engine, *parts.transformer, *parts.device, *parts.plane,
                             clock));
  }
  return parts;
}

}  // namespace switchyard::engine
