// runtime/control/codec/client_fields.h -- the fields, in order, of what a client (launch, status,
// scale, ...) and the controller say to each other; see agent_fields.h for how one list serves both
// directions. Thread safety: functions without state.
#pragma once

#include "runtime/control/codec/agent_fields.h"

namespace switchyard::control {

void request_fields(auto& io, Is<NewRequest> auto& request) {
  io("request.name", request.name);
  io("request.origin", request.origin);
  io("request.regime", request.regime);
  io("request.trace_parent", request.trace_parent);
  io("request.payload", request.payload);
}

void fields(auto& io, Is<Submit> auto& m) {
  io.list("requests", m.requests, kWireRequestsMax,
          [](auto& in, auto& request) { request_fields(in, request); });
}

void fields(auto& io, Is<Command> auto& m) {
  io.choice("wish", m.wish, Wish::kUndrain);
  io("amount", m.amount);
}

void fields(auto& io, Is<Place> auto& m) { io("plan", m.plan); }

void fields(auto& io, Is<Answer> auto& m) {
  io("accepted", m.accepted);
  io("code", m.code);
  io("reason", m.reason);
  io("status", m.status);
}

void fields(auto& io, Is<RequestDone> auto& m) {
  io("id", m.id);
  io("name", m.name);
  io("error", m.error);
  io("payload", m.payload);
}

void fields(auto& io, Is<RankLeft> auto& m) {
  io("rank", m.rank);
  io("payload", m.payload);
  io("last.life", m.last.life);
  io("last.router", m.last.router);
  io("last.expert", m.last.expert);
  io("last.tokens", m.last.tokens);
  io("last.pairs_served", m.last.pairs_served);
  io("last.serve_seconds", m.last.serve_seconds);
  io("last.bytes_sent", m.last.bytes_sent);
  // All beyond the most are one more (load_totals.h).
  io.list("last.restricted_rows", m.last.restricted_rows, kWireRegionPairsMax + 1,
          [](auto& in, auto& sent) { restricted_fields(in, sent); });
}

void fields(auto& io, Is<Event> auto& m) {
  io("number", m.number);
  io("kind", m.kind);
  io("text", m.text);
  io("about.rank", m.about.rank);
  io("about.epoch", m.about.epoch);
  io("about.request", m.about.request);
  io("about.trace_id", m.about.trace_id);
}

}  // namespace switchyard::control
