#include "runtime/control/snapshot_part.h"

#include <algorithm>
#include <array>

#include "runtime/control/codec.h"
#include "runtime/control/codec/client_fields.h"

namespace switchyard::control {
namespace {

// Where a JournalRecord has its rank: no rank is called that.
constexpr std::uint32_t kMark = 0xFFFF'FFFF;
constexpr std::size_t kMarkBytes = 4;

void holder_fields(auto& io, Is<Holder> auto& holder) {
  io("holder.rank", holder.rank);
  io("holder.life", holder.life);
}

void model_fields(auto& io, Is<ModelFacts> auto& model) {
  io("model.moe_layers", model.moe_layers);
  io("model.experts", model.experts);
  io("model.expert_bytes", model.expert_bytes);
  io("model.fingerprint", model.fingerprint);
}

// Writer and reader differ in one thing: who decides whether there is a model.
void maybe_model(ByteWriter& io, const std::optional<ModelFacts>& model) {
  io("model", model.has_value());
  if (model) model_fields(io, *model);
}
void maybe_model(ByteReader& io, std::optional<ModelFacts>& model) {
  bool there = false;
  io("model", there);
  if (io.ok() && there) model_fields(io, model.emplace());
}

void part_fields(auto& io, Is<SnapshotHead> auto& head) {
  io.choice("phase", head.phase, RunPhase::kStopped);
  io("ending_now", head.ending_now);
  io("last_epoch", head.last_epoch);
  io("retired", head.retired);
  io("target_experts", head.target_experts);
  io("target_routers", head.target_routers);
  io("target_replicas", head.target_replicas);
  io("replicas_before", head.replicas_before);
  io("copies_owed", head.copies_owed);
  io("scaling", head.scaling);
  io.choice("last_move.state", head.last_move.state, MoveState::kAbandoned);
  io.choice("last_move.moves_for", head.last_move.moves_for, MovesFor::kPlan);
  io("last_move.text", head.last_move.text);
  io("spawned", head.spawned);
  maybe_model(io, head.model);
  view_fields(io, head.view, MayBeNull::kYes);
  io.list("seats", head.seats, kWireRanksMax,
          [](auto& in, auto& seat) { holder_fields(in, seat); });
  io("next_request", head.next_request);
  io("slots", head.slots);
  io("requests", head.requests);
  io("departed", head.departed);
}

void part_fields(auto& io, Is<SnapshotSlot> auto& slot) {
  fields(io, slot.life);
  io.choice("state", slot.state, SlotState::kLeft);
  io("cordoned", slot.cordoned);
  io("awaited", slot.awaited);
  io("spawn", slot.spawn);
  io("leaves_first", slot.leaves_first);
}

void part_fields(auto& io, Is<SnapshotRequest> auto& part) {
  auto& request = part.request;
  io("request.id", request.id);
  request_fields(io, request.what);
  io.choice("request.state", request.state, RequestState::kDone);
  io("request.attempt", request.attempt);
  io("request.failures", request.failures);
  holder_fields(io, request.holder);
  io.list("request.tokens", request.tokens, kWireTokensMax);
  io("request.error", request.error);
  io("request.result", request.result);
}

void part_fields(auto& io, Is<SnapshotDeparted> auto& part) { fields(io, part.left); }

template <std::size_t I>
SnapshotPart read_as(ByteReader& io) {
  std::variant_alternative_t<I, SnapshotPart> part;
  part_fields(io, part);
  return part;
}

template <std::size_t... I>
SnapshotPart read_part(std::size_t kind, ByteReader& io, std::index_sequence<I...>) {
  using Read = SnapshotPart (*)(ByteReader&);
  constexpr std::array<Read, sizeof...(I)> kReaders{&read_as<I>...};
  return kReaders[kind](io);
}

}  // namespace

std::vector<std::byte> encode_part(const SnapshotPart& part) {
  std::vector<std::byte> out;
  ByteWriter io(out);
  io("mark", kMark);
  io("version", kProtocolVersion);
  io("kind", static_cast<std::uint8_t>(part.index()));
  std::visit([&io](const auto& what) { part_fields(io, what); }, part);
  return out;
}

bool is_snapshot_part(Bytes record) {
  std::uint32_t mark = 0;
  ByteReader io(record.first(std::min(record.size(), kMarkBytes)));
  io("mark", mark);
  return io.ok() && mark == kMark;
}

Result<SnapshotPart> decode_part(Bytes record) {
  std::uint32_t mark = 0;
  std::uint8_t version = 0;
  std::uint8_t kind = 0;
  ByteReader io(record);
  io("mark", mark);
  io("version", version);
  io("kind", kind);
  constexpr std::size_t kKinds = std::variant_size_v<SnapshotPart>;
  if (!io.ok() || mark != kMark || version != kProtocolVersion || kind >= kKinds) {
    return fail(ErrorCode::kBadInput, "no part of a snapshot of version {}", kProtocolVersion);
  }
  SnapshotPart part = read_part(kind, io, std::make_index_sequence<kKinds>());
  if (!io.ok()) return fail(ErrorCode::kBadInput, "a part of a snapshot: {}", io.failure());
  if (io.bytes_left() != 0) {
    return fail(ErrorCode::kBadInput, "a part of a snapshot: {} bytes too many", io.bytes_left());
  }
  return part;
}

}  // namespace switchyard::control
