#include "runtime/control/codec/view_fields.h"

#include <utility>

#include "runtime/control/codec/limits.h"

namespace switchyard::control {
namespace {

template <class Io, class M>
void member_fields(Io& io, M& member) {
  io("view.member.rank", member.rank);
  io("view.member.router", member.router);
  io("view.member.expert", member.expert);
  io("view.member.host", member.host);
  io("view.member.region", member.region);
  io("view.member.zone", member.zone);
  io("view.member.address", member.address);
}

template <class Io, class Replica>
void replica_fields(Io& io, Replica& replica) {
  io("view.replica.rank", replica.rank);
  io("view.replica.slot", replica.slot);
}

// Each list of replicas, layer by layer, follows.
template <class Io, class Count>
void shape_fields(Io& io, Count& layers, Count& experts) {
  io("view.layers", layers);
  io("view.experts", experts);
}

void check_members(ByteReader& io, const std::vector<placement::Member>& members) {
  for (std::size_t i = 1; i < members.size(); ++i) {
    if (members[i].rank <= members[i - 1].rank) io.refuse("view.members", "are not in order");
  }
  if (!members.empty() && members.back().rank.index() >= kWireRanksMax) {
    io.refuse("view.members", "name a rank above the limit");
  }
}

std::vector<placement::Replica> read_replicas(ByteReader& io) {
  std::vector<placement::Replica> replicas;
  const auto each = [](ByteReader& in, placement::Replica& replica) {
    replica_fields(in, replica);
    if (replica.rank.index() >= kWireRanksMax) in.refuse("view.replica.rank", "is above the limit");
  };
  io.list("view.replicas", replicas, kWireRanksMax, each);
  for (std::size_t i = 1; i < replicas.size(); ++i) {
    if (replicas[i].rank < replicas[i - 1].rank) io.refuse("view.replicas", "are not in order");
  }
  return replicas;
}

void read_placement(ByteReader& io, placement::Placement& placement) {
  std::uint32_t layers = 0;
  std::uint32_t experts = 0;
  shape_fields(io, layers, experts);
  if (layers > kWireLayersMax || experts > kWireExpertsMax) {
    io.refuse("view.layers", "are more layers or experts than the limit");
  }
  std::vector<std::vector<placement::Replica>> replicas;
  const std::size_t count = std::size_t{layers} * experts;
  // Each list takes its count at least; an empty one is a masked expert.
  if (count > io.bytes_left() / 4)
    io.refuse("view.experts", "are more than the bytes that are left");
  for (std::size_t i = 0; i < count && io.ok(); ++i) replicas.push_back(read_replicas(io));
  if (!io.ok()) return;
  // Whether experts may be masked is the controller's decision, made before it sends a view.
  auto created =
      placement::Placement::create(layers, experts, std::move(replicas), placement::Gaps::kMasked);
  if (created) {
    placement = *std::move(created);
  } else {
    io.refuse("view.placement", created.error().message);
  }
}

void write_placement(ByteWriter& io, const placement::Placement& placement) {
  const auto layers = static_cast<std::uint32_t>(placement.layers());
  const auto experts = static_cast<std::uint32_t>(placement.experts());
  shape_fields(io, layers, experts);
  for (std::size_t layer = 0; layer < placement.layers(); ++layer) {
    for (std::uint32_t expert = 0; expert < placement.experts(); ++expert) {
      const auto replicas = placement.replicas(layer, ExpertId(expert));
      io("view.replicas", static_cast<std::uint32_t>(replicas.size()));
      for (const auto& replica : replicas) replica_fields(io, replica);
    }
  }
}

}  // namespace

void view_fields(ByteWriter& io, const ViewPointer& view, MayBeNull) {
  io("view", view != nullptr);
  if (view == nullptr) return;
  io("view.epoch", view->epoch);
  io.list("view.members", view->members, kWireRanksMax,
          [](ByteWriter& out, const placement::Member& member) { member_fields(out, member); });
  write_placement(io, view->placement);
}

void view_fields(ByteReader& io, ViewPointer& view, MayBeNull may_be_null) {
  bool present = false;
  io("view", present);
  if (io.ok() && !present && may_be_null == MayBeNull::kNo) io.refuse("view", "is missing");
  if (!io.ok() || !present) return;
  auto read = std::make_shared<placement::View>();
  io("view.epoch", read->epoch);
  io.list("view.members", read->members, kWireRanksMax,
          [](ByteReader& in, placement::Member& member) { member_fields(in, member); });
  if (io.ok()) check_members(io, read->members);
  if (io.ok()) read_placement(io, read->placement);
  if (io.ok()) view = std::move(read);
}

}  // namespace switchyard::control
