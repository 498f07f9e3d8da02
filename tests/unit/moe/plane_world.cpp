#include "tests/unit/moe/plane_world.h"

#include <algorithm>

#include "runtime/base/random.h"

namespace switchyard::moe::test {
namespace {

std::vector<float> values(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(2 * random.next_unit() - 1);
  return out;
}

std::unique_ptr<kernels::Device> make_test_device() {
  kernels::DeviceOptions options;
  options.precision = kernels::Precision::kFp32;
  options.threads = 1;
  auto device = kernels::make_device("cpu", options).value();
  SY_CHECK(device->reserve(kTokens, 64 * kTokens * kMaxK, kHidden, kInner).has_value());
  return device;
}

std::unique_ptr<kernels::PackedExpert> make_expert(kernels::Device& device, std::size_t layer,
                                                   std::size_t expert) {
  const std::uint64_t seed = 1000 + layer * 100 + expert * 3;
  const auto gate = values(kInner * kHidden, seed);
  const auto up = values(kInner * kHidden, seed + 1);
  const auto down = values(kHidden * kInner, seed + 2);
  const auto view = [](const std::vector<float>& from, std::size_t out, std::size_t in) {
    return kernels::WeightView{reinterpret_cast<const std::byte*>(from.data()), DType::kF32, out,
                               in};
  };
  return device
      .pack_expert(view(gate, kInner, kHidden), view(up, kInner, kHidden),
                   view(down, kHidden, kInner))
      .value();
}

DataPlaneOptions plane_options(const WorldShape& shape, bool views_change, Duration deadline) {
  DataPlaneOptions options;
  options.wire = {kHidden,         kLayers, kExperts,    kTokens,
                  kTokens * kMaxK, 2,       DType::kF32, DType::kF32};
  options.tokens_max = kTokens;
  options.k_max = kMaxK;
  options.exchange_deadline = deadline;
  options.silence_report_after = Duration(1);
  options.replica_choice = shape.replica_choice;
  options.ramp_steps = shape.ramp_steps;
  options.roles = views_change ? PlaneRoles::kAny : PlaneRoles::kOfView;
  return options;
}

}  // namespace

std::shared_ptr<const placement::View> make_view(const WorldShape& shape, Epoch epoch,
                                                 std::vector<RankId> without) {
  auto view = std::make_shared<placement::View>();
  view->epoch = epoch;
  std::vector<RankId> expert_ranks;
  for (std::uint32_t r = 0; r < shape.ranks; ++r) {
    if (std::ranges::find(without, RankId(r)) != without.end()) continue;
    placement::Member member;
    member.rank = RankId(r);
    member.router = r < shape.routers;
    member.expert = shape.colocated || !member.router;
    member.host = r % 2 == 0 ? "a" : "b";
    if (member.expert) expert_ranks.push_back(member.rank);
    view->members.push_back(member);
  }
  std::vector<std::vector<placement::Replica>> replicas;
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    for (std::size_t e = 0; e < kExperts; ++e) {
      auto& copies = replicas.emplace_back();
      for (std::size_t c = 0; c < std::min(shape.replicas, expert_ranks.size()); ++c) {
        copies.push_back({expert_ranks[(e + layer + c) % expert_ranks.size()],
                          SlotId(static_cast<std::uint32_t>(e))});
      }
      std::ranges::sort(copies, {}, &placement::Replica::rank);
    }
  }
  view->placement = placement::Placement::create(kLayers, kExperts, std::move(replicas)).value();
  return view;
}

routing::Selections make_selections(std::uint64_t seed) {
  Random random(seed);
  routing::Selections selections;
  for (std::size_t t = 0; t < kTokens; ++t) {
    std::vector<ExpertId> chosen;
    const std::size_t k = 1 + random.next_below(kMaxK);
    while (chosen.size() < k) {
      const ExpertId expert(static_cast<std::uint32_t>(random.next_below(kExperts)));
      if (std::ranges::find(chosen, expert) == chosen.end()) chosen.push_back(expert);
    }
    for (const ExpertId expert : chosen) {
      selections.experts.push_back(expert);
      selections.weights.push_back(static_cast<float>(random.next_unit()));
    }
    selections.slot_begin.push_back(static_cast<std::uint32_t>(selections.experts.size()));
    selections.fallbacks.push_back(routing::Fallback::kNone);
  }
  return selections;
}

Rows rows_of(const std::vector<float>& values) {
  return {reinterpret_cast<const std::byte*>(values.data()), DType::kF32, values.size() / kHidden,
          kHidden, kHidden};
}

MatrixView<float> view_of(std::vector<float>& values) {
  return {values.data(), values.size() / kHidden, kHidden};
}

std::vector<float> make_rows(std::uint64_t seed) { return values(kTokens * kHidden, seed + 77); }

PlaneWorld::PlaneWorld(const WorldShape& shape, std::vector<ViewFeed*> feeds,
                       Duration exchange_deadline) {
  feeds.resize(shape.ranks, nullptr);
  const bool views_change = feeds[0] != nullptr;
  auto options = plane_options(shape, views_change, exchange_deadline);
  wire_ = options.wire;
  const auto view = make_view(shape);
  auto transports = comm::make_local_world(shape.ranks, {});
  ranks_.resize(shape.ranks);
  for (std::size_t r = 0; r < shape.ranks; ++r) {
    auto& rank = ranks_[r];
    rank.transport = std::move(transports[r]);
    rank.device = make_test_device();
    rank.store = std::make_unique<ExpertStore>(kLayers, kExperts);
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
      for (std::uint32_t e = 0; e < kExperts; ++e) {
        const auto held = view->placement.experts_of(layer, RankId(static_cast<std::uint32_t>(r)));
        if (!views_change && std::ranges::find(held, ExpertId(e)) == held.end()) continue;
        rank.store->add(layer, ExpertId(e), make_expert(*rank.device, layer, e));
      }
    }
    rank.open_jobs = std::make_unique<std::atomic<std::uint32_t>>(0);
    options.open_jobs = rank.open_jobs.get();
    rank.plane = DataPlane::create(options, view, *rank.device, *rank.store, *rank.transport,
                                   clock_, abandon_, feeds[r])
                     .value();
  }
}

Result<void> PlaneWorld::serve_only(std::size_t router, const std::vector<std::size_t>& ranks) {
  bool any = true;
  while (any) {
    // An answer leaves its rank when the router takes it.
    SY_ASSIGN(any, ranks_[router].plane->progress());
    for (const std::size_t r : ranks) {
      SY_ASSIGN(const bool did, ranks_[r].plane->progress());
      SY_ASSIGN(const bool idle, ranks_[r].plane->idle());
      any |= did || !idle;
    }
  }
  return {};
}

Result<void> PlaneWorld::serve_all_but(std::size_t router) {
  std::vector<std::size_t> others;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    if (r != router) others.push_back(r);
  }
  return serve_only(router, others);
}

Result<std::vector<float>> PlaneWorld::run(std::size_t router, std::size_t layer,
                                           std::uint64_t seed) {
  const auto x = make_rows(seed);
  const auto selections = make_selections(seed);
  std::vector<std::uint32_t> keys(kTokens);
  for (std::uint32_t t = 0; t < kTokens; ++t) keys[t] = t;
  std::vector<float> residual = make_rows(seed + 1);
  SY_TRY(ranks_[router].plane->begin(0, layer, ++step_, rows_of(x), selections, keys));
  SY_TRY(serve_all_but(router));
  SY_TRY(ranks_[router].plane->finish(0, view_of(residual)));
  return residual;
}

std::vector<float> run_without_plane(std::size_t layer, std::uint64_t seed) {
  const auto device = make_test_device();
  const auto x = make_rows(seed);
  const auto selections = make_selections(seed);
  std::vector<float> residual = make_rows(seed + 1);
  std::vector<float> answers(selections.slot_count() * kHidden);
  std::vector<kernels::CombineSlot> slots;
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (auto s = selections.slot_begin[t]; s < selections.slot_begin[t + 1]; ++s) {
      const auto expert = make_expert(*device, layer, selections.experts[s].index());
      const std::vector<std::uint32_t> row{static_cast<std::uint32_t>(t)};
      const std::vector<std::uint32_t> out{s};
      const std::vector<kernels::ExpertGroup> group{{expert.get(), 0, 1}};
      device->expert_ffn(rows_of(x), row, out, group,
                         {reinterpret_cast<std::byte*>(answers.data()), DType::kF32,
                          selections.slot_count(), kHidden, kHidden});
      slots.push_back({reinterpret_cast<const std::byte*>(answers.data() + s * kHidden),
                       selections.weights[s]});
    }
  }
  device->combine(selections.slot_begin, slots, DType::kF32, view_of(residual));
  return residual;
}

}  // namespace switchyard::moe::test
