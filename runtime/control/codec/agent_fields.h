// runtime/control/codec/agent_fields.h -- the fields, in order, of what an agent and the controller
// say to each other. One list serves both directions: with a ByteWriter it writes, with a
// ByteReader it reads, so that the two cannot disagree. A change here is a new kProtocolVersion.
// Thread safety: functions without state.
#pragma once

#include <concepts>
#include <type_traits>

#include "runtime/control/codec/limits.h"
#include "runtime/control/codec/view_fields.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

// T is M or const M.
template <class T, class M>
concept Is = std::same_as<std::remove_const_t<T>, M>;

void held_fields(auto& io, Is<HeldRequest> auto& held) {
  io("held.id", held.id);
  io("held.attempt", held.attempt);
  io.list("held.tokens", held.tokens, kWireTokensMax);
}

void fields(auto& io, Is<Register> auto& m) {
  io("rank", m.rank);
  io.choice("kind", m.kind, RankKind::kSpare);
  io("incarnation", m.incarnation);
  io("epoch", m.epoch);
  io("pid", m.pid);
  io("host", m.host);
  io("region", m.region);
  io("zone", m.zone);
  io("address", m.address);
  io("model.moe_layers", m.model.moe_layers);
  io("model.experts", m.model.experts);
  io("model.expert_bytes", m.model.expert_bytes);
  io("model.fingerprint", m.model.fingerprint);
  io.list("held", m.held, kWireRequestsMax, [](auto& in, auto& held) { held_fields(in, held); });
}

void fields(auto& io, Is<Heartbeat> auto& m) {
  io.choice("phase", m.phase, Phase::kLeaving);
  io("epoch", m.epoch);
  io("steps", m.steps);
  io("open_requests", m.open_requests);
  io("open_jobs", m.open_jobs);
  io("weights_read", m.weights_read);
  io("computing_ms", m.computing_ms);
  io("running_requests", m.running_requests);
}

void restricted_fields(auto& io, Is<RestrictedSent> auto& sent) {
  io("restricted.origin", sent.origin);
  io("restricted.region", sent.region);
  io("restricted.rows", sent.rows);
}

void fields(auto& io, Is<LoadReport> auto& m) {
  io("seconds", m.seconds);
  io("busy_share", m.busy_share);
  io("serve_seconds", m.serve_seconds);
  io("queue_delay_us_p95", m.queue_delay_us_p95);
  io("step_us_p50", m.step_us_p50);
  io("step_us_p95", m.step_us_p95);
  io("cpu_share", m.cpu_share);
  io("cpu_busy_share", m.cpu_busy_share);
  io("memory_share", m.memory_share);
  io("rss_bytes", m.rss_bytes);
  io("tokens", m.tokens);
  io.list("expert_pairs", m.expert_pairs, kWireLayersMax * kWireExpertsMax);
  io.list("wait_us_by_peer", m.wait_us_by_peer, kWireRanksMax);
  io.list("bytes_by_peer", m.bytes_by_peer, kWireRanksMax);
  io.list("round_trip_us_by_peer", m.round_trip_us_by_peer, kWireRanksMax);
  io.list("restricted_rows", m.restricted_rows, kWireRegionPairsMax,
          [](auto& in, auto& sent) { restricted_fields(in, sent); });
}

void fields(auto& io, Is<Evidence> auto& m) {
  io("epoch", m.epoch);
  io("waited_ms", m.waited_ms);
  io.list("silent", m.silent, kWireRanksMax);
}

void fields(auto& io, Is<Prepared> auto& m) {
  io("epoch", m.epoch);
  io("error", m.error);
}

void fields(auto& io, Is<Adopted> auto& m) { io("epoch", m.epoch); }

void fields(auto& io, Is<Progress> auto& m) {
  io("id", m.id);
  io("attempt", m.attempt);
  io("first", m.first);
  io.list("tokens", m.tokens, kWireTokensMax);
}

void fields(auto& io, Is<Finished> auto& m) {
  io("id", m.id);
  io("attempt", m.attempt);
  io("error", m.error);
  io("payload", m.payload);
}

void fields(auto& io, Is<Goodbye> auto& m) { io("payload", m.payload); }

void fields(auto& io, Is<Welcome> auto& m) {
  io("incarnation", m.incarnation);
  io("ranks", m.ranks);
  view_fields(io, m.view, MayBeNull::kYes);
}

void fields(auto& io, Is<Refused> auto& m) { io("reason", m.reason); }
void fields(auto& io, Is<Prepare> auto& m) { view_fields(io, m.view, MayBeNull::kNo); }
void fields(auto& io, Is<Commit> auto& m) { view_fields(io, m.view, MayBeNull::kNo); }

void fields(auto& io, Is<Rollback> auto& m) {
  io("epoch", m.epoch);
  io("reason", m.reason);
}

void fields(auto& io, Is<Retire> auto& m) { io("oldest", m.oldest); }

void fields(auto& io, Is<Assign> auto& m) {
  io("id", m.id);
  io("attempt", m.attempt);
  io("trace_parent", m.trace_parent);
  io.list("allowed", m.allowed, kWireRanksMax);
  io("origin", m.origin);
  io.list("tokens", m.tokens, kWireTokensMax);
  io("payload", m.payload);
}

void fields(auto& io, Is<Cancel> auto& m) {
  io("id", m.id);
  io.choice("how", m.how, CancelHow::kEndNow);
}

void fields(auto&, Is<Drain> auto&) {}
void fields(auto&, Is<Undrain> auto&) {}
void fields(auto&, Is<Leave> auto&) {}
void fields(auto&, Is<Alive> auto&) {}

}  // namespace switchyard::control
