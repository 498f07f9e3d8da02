#include "runtime/engine/rank_parts.h"

#include <algorithm>

#include "runtime/base/cores.h"
#include "runtime/engine/expert_loader.h"
#include "runtime/engine/rank_sizes.h"
#include "runtime/model/fingerprint.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::engine {
namespace {

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

Result<void> load_experts(model::WeightSource& source, kernels::Device& device,
                          const placement::View& view, RankId rank, moe::ExpertStore& store,
                          const LoadProgress& progress) {
  for (std::size_t layer = 0; layer < view.placement.layers(); ++layer) {
    for (const ExpertId expert : view.placement.experts_of(layer, rank)) {
      SY_ASSIGN(auto packed, load_expert(source, device, layer, expert));
      store.add(layer, expert, std::move(packed));
    }
    progress(layer + 1, view.placement.layers());
  }
  return {};
}

std::size_t head_rows_max(const model::ModelConfig& config) {
  constexpr std::size_t kHeadBytesMax = std::size_t{32} << 20;
  return std::clamp<std::size_t>(kHeadBytesMax / (config.vocab * sizeof(float)), 16, 512);
}

// The kernels that this machine chooses. Other ones add up in another order, to other bits.
std::string kernel_names(const ClusterOptions& options) {
  const auto choices = kernels::explain_kernels(options.device_name, options.device);
  if (!choices) return "none";
  std::string names;
  for (const auto& choice : *choices) {
    if (choice.chosen)
      names += fmt::format("{}{}={}", names.empty() ? "" : " ", choice.op, choice.candidate);
  }
  return names;
}

}  // namespace

// Ranks that were started with different options would break the exchange half-way.
std::string world_fingerprint(const ClusterOptions& options, const model::WeightSource& source,
                              const comm::Transport& transport) {
  const auto& model = source.config();
  const auto wire = options.wire.value_or(kernels::operand_dtype(options.device.precision));
  return fmt::format(
      "model {} d={} layers={} E={} f={} V={} (config.json {:016x}, weights {:016x}); precision {} "
      "wire {}; cuda gemm {}; routers {} "
      "colocation {}; placement {} replicas {}; rows {}; steps {} sequences {} context {} k_max "
      "{}; "
      "kernels {} (--isa)",
      model.family, model.hidden, model.layers, model.experts, model.expert_inner, model.vocab,
      model::fingerprint(model), source.fingerprint(),
      to_string(kernels::operand_dtype(options.device.precision)), to_string(wire),
      options.device.cuda_gemm == kernels::CudaGemm::kCublas ? "cublas" : "invariant",
      options.routers, static_cast<int>(options.colocation), options.placement, options.replicas,
      transport.row_place() == comm::RowPlace::kApart ? "apart" : "behind heads",
      options.limits.step_tokens_max, options.limits.sequences_max, options.limits.context,
      options.k_max, kernel_names(options));
}

std::size_t threads_for_rank(const ClusterOptions& options, const comm::Transport& transport) {
  if (options.device.threads != 0) return options.device.threads;
  const auto hosts = transport.hosts();
  const auto ranks_here =
      static_cast<std::size_t>(std::ranges::count(hosts, hosts[transport.rank().index()]));
  if (transport.name() == "local") return std::max<std::size_t>(1, usable_cores() / ranks_here);
  // A launcher may have bound this process to a part of what it may use itself.
  return std::min(usable_cores(), std::max<std::size_t>(1, shared_cores() / ranks_here));
}

Result<placement::View> make_static_view(const ClusterOptions& options,
                                         const model::ModelConfig& config,
                                         std::span<const std::string> hosts) {
  const std::size_t ranks = hosts.size();
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
  placement::PlanRequest request;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r < options.routers;
    member.expert = together || !member.router;
    member.host = hosts[r];
    if (member.expert) {
      request.expert_ranks.push_back(member.rank);
      placement::RankTraits traits;
      traits.host = hosts[r];
      request.ranks.push_back(std::move(traits));
    }
    view.members.push_back(std::move(member));
  }
  request.layers = config.moe_layer_count();
  request.experts = config.experts;
  request.replicas = options.replicas;
  SY_ASSIGN(view.placement, placement::plan_placement(options.placement, request));
  return view;
}

kernels::DeviceOptions rank_device_options(const ClusterOptions& options,
                                           const comm::Transport& transport) {
  auto device = options.device;
  device.threads = threads_for_rank(options, transport);
  const auto hosts = transport.hosts();
  const auto self = transport.rank().index();
  device.rank_on_host = static_cast<std::size_t>(std::ranges::count(
      hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(self), hosts[self]));
  return device;
}

Result<std::unique_ptr<kernels::Device>> make_rank_device(const ClusterOptions& options,
                                                          const comm::Transport& transport) {
  return kernels::make_device(options.device_name, rank_device_options(options, transport));
}

std::unique_ptr<Timeline> make_timeline(const ClusterOptions& options, const Clock& clock) {
  if (options.timeline_spans == 0) return nullptr;
  return std::make_unique<Timeline>(options.timeline_spans, clock);
}

Result<std::unique_ptr<model::Transformer>> load_router_part(model::WeightSource& source,
                                                             kernels::Device& device,
                                                             std::size_t context) {
  model::TransformerOptions options;
  options.context = context;
  options.head_rows_max = head_rows_max(source.config());
  return model::Transformer::load(source, device, options);
}

RouterBufferSizes router_buffer_sizes(const EngineOptions& options,
                                      const model::ModelConfig& config) {
  return {options.micro_batches, micro_batch_tokens_max(options), head_rows_max(config)};
}

Result<RankParts> make_rank_parts(const ClusterOptions& options, model::WeightSource& source,
                                  comm::Transport& transport, const Clock& clock,
                                  const std::atomic<bool>& abandon, const LoadProgress& progress) {
  const auto& config = source.config();
  RankParts parts;
  SY_ASSIGN(auto view, make_static_view(options, config, transport.hosts()));
  parts.view = std::make_shared<const placement::View>(std::move(view));
  SY_ASSIGN(auto sizes, make_rank_sizes(options, config,
                                        {options.routers, experts_per_rank_max(*parts.view),
                                         micro_batches(options, *parts.view)}));
  parts.timeline = make_timeline(options, clock);
  sizes.plane.timeline = parts.timeline.get();
  SY_ASSIGN(parts.device, make_rank_device(options, transport));
  const auto& member = parts.member(transport.rank());
  if (member.router) {
    SY_ASSIGN(parts.transformer,
              load_router_part(source, *parts.device, positions_max(sizes.engine)));
  }
  parts.store = std::make_unique<moe::ExpertStore>(config.moe_layer_count(), config.experts);
  SY_TRY(
      load_experts(source, *parts.device, *parts.view, transport.rank(), *parts.store, progress));
  SY_TRY(parts.device->reserve(sizes.plane.tokens_max, member.expert ? sizes.batch_pairs_max : 0,
                               config.hidden, std::max(config.expert_inner, config.dense_inner)));
  SY_ASSIGN(parts.plane, moe::DataPlane::create(sizes.plane, parts.view, *parts.device,
                                                *parts.store, transport, clock, abandon, nullptr));
  if (member.router) {
    SY_ASSIGN(auto buffers, RouterBuffers::create(router_buffer_sizes(sizes.engine, config), config,
                                                  *parts.device));
    SY_ASSIGN(parts.engine, Engine::create(sizes.engine, *parts.transformer, *parts.device,
                                           *parts.plane, clock, std::move(buffers)));
    parts.engine->set_timeline(parts.timeline.get());
  }
  return parts;
}

RankReport make_rank_report(const RankParts& parts, const model::WeightSource& source,
                            const comm::Transport& transport) {
  RankReport report;
  report.rank = transport.rank();
  report.host = transport.hosts()[report.rank.index()];
  report.device = parts.device->description();
  if (transport.size() > 1 && transport.row_place() == comm::RowPlace::kApart) {
    report.device += fmt::format(", rows by {}", transport.name());
  }
  const auto* member = parts.plane->view().find(report.rank);
  report.router = member != nullptr && member->router;
  report.expert = member != nullptr && member->expert;
  report.experts_held = parts.store->count();
  report.expert_bytes = parts.store->bytes();
  report.router_bytes = parts.transformer ? parts.transformer->bytes() : 0;
  report.kv_bytes = parts.engine ? parts.engine->kv_bytes() : 0;
  report.weight_bytes_read = source.bytes_read();
  report.rss_peak_bytes = rss_peak_bytes();
  report.counters = parts.plane->counters();
  if (parts.timeline) report.timeline = take_timeline(*parts.timeline);
  return report;
}

}  // namespace switchyard::engine
