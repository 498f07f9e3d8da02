#include "runtime/moe/plane_sizes.h"

#include <algorithm>

namespace switchyard::moe {

std::vector<RankId> router_ranks(const placement::View& view) {
  std::vector<RankId> ranks;
  for (const auto& member : view.members) {
    if (member.router) ranks.push_back(member.rank);
  }
  return ranks;
}

std::size_t expert_rank_count(const placement::View& view) {
  return static_cast<std::size_t>(std::count_if(view.members.begin(), view.members.end(),
                                                [](const auto& member) { return member.expert; }));
}

namespace {

std::vector<RankId> all_ranks(std::size_t count) {
  std::vector<RankId> ranks;
  for (std::uint32_t r = 0; r < count; ++r) ranks.emplace_back(r);
  return ranks;
}

std::size_t inboxes_per_micro_batch(const DataPlaneOptions& options) {
  return options.roles == PlaneRoles::kAny ? 3 : 1;
}

}  // namespace

ExpertServerOptions server_options(const DataPlaneOptions& options, const placement::View& view,
                                   std::size_t ranks) {
  const bool any = options.roles == PlaneRoles::kAny;
  ExpertServerOptions server;
  server.shape = options.wire;
  server.routers = any ? all_ranks(ranks) : router_ranks(view);
  server.oldest_epoch = view.epoch;
  server.inboxes_per_micro_batch = inboxes_per_micro_batch(options);
  server.gather_window = options.gather_window;
  server.send_deadline = options.exchange_deadline;
  server.timeline = options.timeline;
  server.open_jobs = options.open_jobs;
  server.computing = options.computing;
  return server;
}

ExchangeShape exchange_shape(const DataPlaneOptions& options, std::size_t expert_ranks) {
  ExchangeShape shape;
  shape.wire = options.wire;
  shape.expert_ranks = expert_ranks;
  shape.slots_max = options.tokens_max * options.k_max;
  shape.rows_max = options.tokens_max * std::min(options.k_max, shape.expert_ranks);
  shape.peer_loss = options.roles == PlaneRoles::kAny ? PeerLoss::kReplay : PeerLoss::kFatal;
  shape.timeline = options.timeline;
  return shape;
}

// For as many inboxes as each router may fill; the answers of one micro-batch have one row for each
// of its pairs, however many ranks send them.
std::size_t rows_in_flight(const DataPlaneOptions& options, std::size_t routers, Routes self) {
  const auto& wire = options.wire;
  const std::size_t dispatches = routers * wire.dispatch_bytes(wire.rows_max, 0).rows;
  const std::size_t pairs = self == Routes::kYes ? options.tokens_max * options.k_max : 0;
  const std::size_t answers = wire.answer_bytes(pairs).rows;
  return inboxes_per_micro_batch(options) * wire.micro_batches * (dispatches + answers);
}

}  // namespace switchyard::moe
