// runtime/net/admin_http.h -- the admin port: HTTP/1.1 for people, probes and Prometheus.
// GET /healthz, /readyz, /metrics, /v1/cluster; POST /v1/scale, /v1/drain, /v1/rebalance,
// /v1/replicas, /v1/place as commands to the controller. Every head is judged by request_head.h
// before Beast parses it; whoever is slow or says too much is cut. With TLS it is HTTPS; callers
// show no certificate (the token says who may ask), so that probes get in. Lives in the thread and
// io_context of the controller's server. Thread safety: the server's thread only.
#pragma once

#include <memory>

#include "runtime/net/controller_loop.h"
#include "runtime/net/request_head.h"
#include "runtime/net/task_group.h"

namespace switchyard::net {

struct AdminLimits {
  HeadLimits head;
  std::uint64_t plan_bytes = std::uint64_t{16} << 20;  // of the body of POST /v1/place
  Duration head_limit = std::chrono::seconds(10);
  Duration body_limit = std::chrono::seconds(10);
  Duration idle_limit = std::chrono::seconds(60);
  Duration write_limit = std::chrono::seconds(10);
  Duration answer_limit = std::chrono::seconds(90);  // of the controller, for a command
  std::size_t requests_max = 1000;                   // of one connection
  std::size_t connections_max = 64;
  std::size_t chunk_extension_bytes_max = 256;
};

class AdminHttp {
 public:
  AdminHttp(asio::io_context& io, TaskGroup& tasks, ControllerLoop& loop, ServerMetrics& metrics,
            EventLog& log, AdminLimits limits, Secret token, std::shared_ptr<TlsIdentity> tls);
  ~AdminHttp();

  // On loopback /readyz and /metrics need no token, as /healthz everywhere. Errors: kUsage beyond
  // loopback without a token; as listen_on().
  [[nodiscard]] Result<void> listen(const Endpoint& where);
  [[nodiscard]] Endpoint listening() const;
  void start();
  // Takes no more and ends what is open.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace switchyard::net
