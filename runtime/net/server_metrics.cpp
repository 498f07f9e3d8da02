#include "runtime/net/server_metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/control/event_kinds.h"
#include "runtime/net/metric_families.h"

namespace switchyard::net {
ServerMetrics::ServerMetrics()
    : connections_(
          gauge(registry_, "switchyard_control_connections", "Open control connections by kind")),
      refused_(counter(registry_, "switchyard_control_refused_total",
                       "Callers that could not prove who they are")),
      malformed_(counter(registry_, "switchyard_control_malformed_total",
                         "Connections ended because of a malformed or misplaced frame")),
      received_(counter(registry_, "switchyard_control_messages_received_total",
                        "Messages from agents and clients by type")),
      sent_(counter(registry_, "switchyard_control_messages_sent_total",
                    "Messages to agents and clients by type")),
      events_(counter(registry_, "switchyard_events_total", "Events of the controller by kind")),
      journal_bytes_(gauge(registry_, "switchyard_journal_bytes", "Size of the journal file")),
      journal_whole_(gauge(registry_, "switchyard_journal_whole",
                           "0 while records are missing that the disk refused")),
      journal_compactions_(counter(registry_, "switchyard_journal_compactions_total",
                                   "Snapshots written in place of the history")),
      certificate_expires_(gauge(registry_, "switchyard_certificate_expires_timestamp_seconds",
                                 "When the certificate in use ends; not shown without TLS")),
      http_requests_(counter(registry_, "switchyard_admin_requests_total",
                             "Requests to the admin port by route and status")),
      cluster_(registry_) {
  // From the start, so that a first increment is seen as one.
  connections_.Add({{"kind", "agent"}});
  connections_.Add({{"kind", "client"}});
  refused_.Add({});
  malformed_.Add({});
  for (const auto& kind : control::event_kinds()) (void)events(kind.kind);
}

prometheus::Gauge& ServerMetrics::connections(control::PeerKind kind) {
  return connections_.Add({{"kind", kind == control::PeerKind::kAgent ? "agent" : "client"}});
}
prometheus::Counter& ServerMetrics::refused() { return refused_.Add({}); }
prometheus::Counter& ServerMetrics::malformed() { return malformed_.Add({}); }
prometheus::Counter& ServerMetrics::received(std::string_view message) {
  return received_.Add({{"type", std::string(message)}});
}
prometheus::Counter& ServerMetrics::sent(std::string_view message) {
  return sent_.Add({{"type", std::string(message)}});
}
prometheus::Counter& ServerMetrics::events(std::string_view kind) {
  return events_.Add({{"kind", std::string(kind)}});
}
void ServerMetrics::journal(std::uint64_t size_bytes, std::uint64_t compactions, bool whole) {
  journal_bytes_.Add({}).Set(static_cast<double>(size_bytes));
  auto& written = journal_compactions_.Add({});
  written.Increment(std::max(0.0, static_cast<double>(compactions) - written.Value()));
  journal_whole_.Add({}).Set(whole ? 1 : 0);
}
prometheus::Gauge& ServerMetrics::certificate_expires() { return certificate_expires_.Add({}); }
prometheus::Counter& ServerMetrics::http_requests(std::string_view route, unsigned status) {
  return http_requests_.Add({{"route", std::string(route)}, {"code", std::to_string(status)}});
}

void ServerMetrics::update_cluster(const std::string& status_json) {
  cluster_.update(nlohmann::json::parse(status_json, nullptr, false));
}

std::string ServerMetrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace switchyard::net
