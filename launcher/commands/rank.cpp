#include "launcher/commands/rank.h"

#include <unistd.h>

#include <algorithm>

#include "launcher/cluster_run.h"
#include "launcher/exit_code.h"
#include "launcher/job_inputs.h"
#include "launcher/row_exchange.h"
#include "launcher/tls_files.h"
#include "runtime/engine/worker.h"
#include "runtime/moe/loss_notice.h"
#include "runtime/net/agent.h"
#include "runtime/placement/places.h"

namespace switchyard::launcher {
namespace {

// Timelines travel with the last words of the ranks, through the controller: all of them together
// stay well within what it queues for a client.
constexpr std::size_t kTraceBytesMax = std::size_t{32} << 20;

struct RankFlags {
  std::string controller;
  std::string secret_file;
  std::optional<std::uint32_t> slot;  // of a process that comes later
  std::uint32_t slots = 0;
};

// This rank among the others.
struct Seat {
  std::unique_ptr<comm::Transport> transport;
  std::string address;  // where the others reach a process that came later
};

// A rank that waits for a message that stops half-way serves nobody meanwhile.
comm::TransportLimits rank_limits() {
  comm::TransportLimits limits;
  limits.receive_wait_max = std::chrono::seconds(5);
  return limits;
}

// From the start, under mpirun; or later, over TCP.
Result<Seat> take_seat(const Invocation& invocation, const RankFlags& flags) {
  if (flags.slot) {
    SY_ASSIGN(const auto controller, net::parse_endpoint(flags.controller));
    SY_ASSIGN(auto host, comm::own_host_towards(controller.host));
    SY_ASSIGN(auto late, comm::join_open_world({RankId(*flags.slot), flags.slots, std::move(host)},
                                               rank_limits()));
    SY_ASSIGN(auto transport, with_row_exchange(invocation.run(), std::move(late.transport)));
    return Seat{std::move(transport), std::move(late.address)};
  }
  SY_ASSIGN(auto transport, comm::join_mpi_world(invocation.argc, invocation.argv, rank_limits()));
  if (invocation.run().cluster.spawns > 0) {
    transport = comm::make_open_world(std::move(transport), rank_limits());
  }
  SY_ASSIGN(transport, with_row_exchange(invocation.run(), std::move(transport)));
  return Seat{std::move(transport), {}};
}

control::RankKind kind_of(RankId rank, std::size_t ranks, const engine::ClusterOptions& options,
                          std::uint32_t spares) {
  if (rank.index() + spares >= ranks) return control::RankKind::kSpare;
  const bool together = options.colocation == engine::Colocation::kTogether;
  if (rank.index() < options.routers) {
    return together ? control::RankKind::kBoth : control::RankKind::kRouter;
  }
  return control::RankKind::kExpert;
}

Result<engine::WorkerOptions> worker_options(const Invocation& invocation,
                                             const model::ModelConfig& model,
                                             const comm::Transport& transport) {
  const auto& run = invocation.run();
  engine::WorkerOptions options;
  SY_ASSIGN(options.cluster, cluster_options(invocation.run()));
  options.cluster.k_max = configured_k_max(run, model);
  options.cluster.timeline_spans =
      std::min(options.cluster.timeline_spans, kTraceBytesMax / sizeof(Span) / transport.size());
  options.kind = kind_of(transport.rank(), transport.size(), options.cluster,
                         static_cast<std::uint32_t>(run.cluster.spares));
  SY_ASSIGN(auto policy, read_policy(run.routing, model));
  options.routing = std::move(policy.spec);
  options.calibration = std::move(policy.calibration);
  options.gate_stats = run.routing.aux_losses;
  return options;
}

Result<net::AgentOptions> agent_options(const RankFlags& flags, const config::RunConfig& run,
                                        const engine::Worker& worker, control::RankKind kind,
                                        const Seat& seat) {
  const auto& transport = *seat.transport;
  net::AgentOptions options;
  SY_ASSIGN(options.controller, net::parse_endpoint(flags.controller));
  if (!flags.secret_file.empty()) {
    SY_ASSIGN(options.secret, net::read_secret_file(flags.secret_file));
  }
  SY_ASSIGN(options.tls, open_tls(run.tls));
  options.world_ranks = static_cast<std::uint32_t>(transport.size());
  options.facts.rank = transport.rank();
  options.facts.kind = kind;
  options.facts.pid = static_cast<std::uint64_t>(::getpid());
  options.facts.host = transport.hosts()[transport.rank().index()];
  SY_ASSIGN(const auto places, placement::parse_places(run.cluster.regions, transport.size()));
  options.facts.region = places[transport.rank().index()].region;
  options.facts.zone = places[transport.rank().index()].zone;
  options.facts.address = seat.address;
  options.facts.model = worker.model_facts();
  options.seed = transport.rank().value();
  const auto& cluster = run.cluster;
  options.backoff.base = std::chrono::milliseconds(cluster.retry_base_ms);
  options.backoff.cap = std::chrono::milliseconds(cluster.retry_cap_ms);
  options.retries.ratio = cluster.retry_ratio;
  options.retries.per_second_min = cluster.retry_per_second;
  return options;
}

// Lanes between GPUs, at the end of a life: NCCL has to abort them.
constexpr std::chrono::seconds kHaltDeadline{20};

// What MPI may still read or write of lives that are over; it stays until the process ends.
struct Remains {
  std::vector<std::unique_ptr<moe::DataPlane>> planes;
  std::unique_ptr<engine::Worker>
      stuck;  // its GPU memory cannot be freed, so this was the last one
};

// One life in the cluster, from registration to goodbye.
Result<void> run_life(const Invocation& invocation, const RankFlags& flags, const Seat& seat,
                      std::optional<control::RankKind> kind, Remains& remains) {
  auto& transport = *seat.transport;
  const SteadyClock clock;
  const engine::StopSignals signals;
  SY_ASSIGN(const auto format, parse_log_format(invocation.run().log.format));
  SY_ASSIGN(auto log, make_log(transport.rank(), invocation.run().log.level, format));
  SY_ASSIGN(auto source, open_weights(invocation.config));
  SY_ASSIGN(auto options, worker_options(invocation, source->config(), transport));
  options.kind = kind.value_or(options.kind);
  control::Mailbox mailbox;
  mailbox.on_deliver([&transport] { transport.wake(); });
  moe::LossNotice losses(transport);
  mailbox.on_view([&losses](const auto& view) { losses.see(view); });
  control::RankGauges gauges;
  SY_ASSIGN(auto worker, engine::Worker::open(options, std::move(source), transport, clock, signals,
                                              mailbox, gauges, log));
  SY_ASSIGN(auto registration, agent_options(flags, invocation.run(), *worker, options.kind, seat));
  SY_ASSIGN(const auto agent, net::Agent::start(std::move(registration), mailbox, gauges, log));
  TimePoint seen = clock.now();
  auto outcome = worker->run([&clock, &seen, &agent] {
    if (agent->connected()) seen = clock.now();
    return clock.now() - seen;
  });
  agent->stop(std::chrono::seconds(5));
  remains.planes.push_back(worker->release_plane());
  // The worker's end frees memory of the GPU, which waits for what the GPU does.
  if (!transport.halt_rows(Deadline::after(clock, kHaltDeadline))) {
    remains.stuck = std::move(worker);
    if (outcome) return outcome;
    return fail(outcome.error().code, "{}; and rows under way between GPUs did not end within {} s",
                outcome.error().message, kHaltDeadline.count());
  }
  return outcome;
}

// A rank that was taken for dead (it was stopped, or cut off) has no place any more; it comes back
// as a new one and waits as a spare. Not for ever: each life leaves its remains in memory.
Result<void> run_rank(const Invocation& invocation, const RankFlags& flags, const Seat& seat,
                      Remains& remains) {
  std::optional<control::RankKind> first;
  if (flags.slot) first = control::RankKind::kSpare;
  auto outcome = run_life(invocation, flags, seat, first, remains);
  while (!outcome && outcome.error().code == ErrorCode::kStaleEpoch &&
         outcome.error().scope == ErrorScope::kProcess) {
    if (remains.planes.size() >= invocation.run().cluster.lives_max) {
      std::fprintf(stderr,
                   "switchyard: rank %u: this process was taken for dead in each of its %zu lives; "
                   "it ends, so that a fresh one can take the slot\n",
                   seat.transport->rank().value(), remains.planes.size());
      return outcome;
    }
    std::fprintf(stderr, "switchyard: rank %u: %s; it comes back as a spare\n",
                 seat.transport->rank().value(), outcome.error().message.c_str());
    outcome = run_life(invocation, flags, seat, control::RankKind::kSpare, remains);
  }
  return outcome;
}

class RankCommand final : public Command {
 public:
  std::string_view name() const override { return "rank"; }
  std::string_view summary() const override {
    return "be one rank of a cluster with a controller (started by `launch`)";
  }
  std::string_view examples() const override {
    return "  mpirun -n 4 --bind-to none --enable-recovery switchyard rank --controller HOST:PORT "
           "\\\n"
           "      --secret-file FILE --preset demo\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--controller", flags_.controller, "where the controller listens: HOST:PORT")
        ->required();
    app.add_option("--secret-file", flags_.secret_file, "the cluster's shared secret");
    auto* slot = app.add_option("--slot", flags_.slot,
                                "be a process that comes later, in this slot; started by `launch "
                                "--spawns`");
    app.add_option("--slots", flags_.slots, "slots of the cluster, with --slot")->needs(slot);
  }

  // Never back into MPI_Finalize: with a dead rank in the world it may hang. What there was to say
  // the agent has said.
  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(const auto seat, take_seat(invocation, flags_));
    Remains remains;
    const auto outcome = run_rank(invocation, flags_, seat, remains);
    if (!outcome) {
      std::fprintf(stderr, "switchyard: error: rank %u: %s\n", seat.transport->rank().value(),
                   outcome.error().message.c_str());
    }
    std::fflush(nullptr);
    ::_exit(outcome ? kExitOk : exit_code(outcome.error().code));
  }

 private:
  RankFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_rank_command() { return std::make_unique<RankCommand>(); }

}  // namespace switchyard::launcher
