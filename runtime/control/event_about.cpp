#include "runtime/control/event_about.h"

#include "runtime/base/trace_context.h"

namespace switchyard::control {

EventAbout about_rank(RankId rank) {
  EventAbout about;
  about.rank = rank;
  return about;
}

EventAbout about_epoch(Epoch epoch) {
  EventAbout about;
  about.epoch = epoch;
  return about;
}

EventAbout about_request(const Request& request) {
  EventAbout about;
  about.request = request.id;
  // A client may say anything; only what is a trace id counts as one.
  const auto trace = parse_trace_parent(request.what.trace_parent);
  if (trace) about.trace_id = trace->trace_id_text();
  return about;
}

EventAbout about_request(const Request& request, RankId rank) {
  EventAbout about = about_request(request);
  about.rank = rank;
  return about;
}

nlohmann::json about_json(const EventAbout& about) {
  nlohmann::json out = nlohmann::json::object();
  if (about.rank.value() != EventAbout::kNone) out["rank"] = about.rank.value();
  if (about.epoch != Epoch()) out["epoch"] = about.epoch.value();
  if (about.request.value() != EventAbout::kNone) out["request"] = about.request.value();
  if (!about.trace_id.empty()) out["trace_id"] = about.trace_id;
  return out;
}

}  // namespace switchyard::control
