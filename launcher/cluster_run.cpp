#include "launcher/cluster_run.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "launcher/exit_code.h"
#include "launcher/progress_line.h"
#include "launcher/row_exchange.h"
#include "launcher/run_report.h"
#include "launcher/timeline/trace_export.h"
#include "launcher/unled_world.h"
#include "runtime/base/output_file.h"
#include "runtime/config/config_rules.h"

namespace switchyard::launcher {
namespace {

struct World {
  std::vector<std::unique_ptr<comm::Transport>> transports;  // of this process
  bool mpi = false;
};

Result<World> join_world(const Invocation& invocation) {
  const auto& cluster = invocation.run().cluster;
  const bool launched = comm::started_by_mpi_launcher(invocation.env());
  if (launched && cluster.transport == "local") {
    return fail(ErrorCode::kUsage,
                "{} is local, but mpirun has started this: every one of its processes would do the "
                "whole job; leave out one of the two",
                invocation.config.blame("cluster.transport"));
  }
  World world;
  world.mpi = cluster.transport == "mpi" || (cluster.transport == "auto" && launched);
  if (world.mpi) {
    SY_ASSIGN(auto transport, comm::join_mpi_world(invocation.argc, invocation.argv, {}));
    world.transports.push_back(std::move(transport));
  } else {
    const std::size_t ranks = cluster.ranks == 0 ? 1 : cluster.ranks;
    world.transports = comm::make_local_world(ranks, {});
  }
  return world;
}

Result<void> check_world_fits(const Invocation& invocation, const World& world) {
  const std::size_t ranks = world.mpi ? world.transports.front()->size() : world.transports.size();
  if (world.mpi) SY_TRY(config::check_launched_world(invocation.config, ranks));
  SY_TRY(config::check_world(invocation.config, ranks));
  return check_row_exchange(invocation.run(), *world.transports.front());
}

// What ends this process's ranks before their time.
struct Stops {
  engine::StopSignals& signals;
  StopWatch& watch;
};

// What outlives a run that fails: other ranks may still read bytes that the session has sent.
struct Remains {
  SteadyClock clock;
  std::optional<engine::Session> session;
  bool opened = false;
};

Result<void> write_trace_of(const config::LogSection& log, const engine::ClusterReport& report) {
  if (log.trace_out.empty()) return {};
  SY_ASSIGN(const auto summary, write_trace(log.trace_out, report, {}));
  if (log.progress) {
    std::fprintf(stderr, "%s\n", summary_text(log.trace_out, summary).c_str());
  }
  return {};
}

// Once opened an error is this rank's own; those of open() are everyone's.
Result<void> live(const Invocation& invocation, LeadProgram& program, comm::Transport& transport,
                  const Stops& stops, Remains& remains) {
  const SteadyClock& clock = remains.clock;
  const bool lead = transport.rank() == RankId(0);
  // The first rank ends the job; a process of its own that is told to end has others to think of.
  if (!lead && transport.name().ends_with("mpi")) stops.watch.begun();
  SY_ASSIGN(const auto format, parse_log_format(invocation.run().log.format));
  SY_ASSIGN(auto log, make_log(transport.rank(), invocation.run().log.level, format));
  if (lead) {
    const auto ignored = ignored_settings(invocation.config);
    if (!ignored.empty()) log->warn("{}", ignored);
  }
  SY_ASSIGN(auto options, cluster_options(invocation.run()));
  auto source = open_weights(invocation.config);
  if (source && lead && !invocation.run().log.trace_out.empty()) {
    if (auto writable = OutputFile::check(invocation.run().log.trace_out); !writable) {
      source = Unexpected(std::move(writable).error());
    }
  }
  if (source && lead) {
    if (auto ready = program.prepare((*source)->config()); !ready) {
      source = Unexpected(std::move(ready).error());
    }
  }
  if (source) options.k_max = program.k_max((*source)->config());
  if (source && lead) {
    const auto idle =
        idle_ranks(invocation.run().cluster, (*source)->config().experts, transport.size());
    if (!idle.empty()) log->warn("{}", idle);
  }
  ProgressLine line(
      lead && invocation.run().log.progress ? ProgressLine::Show::kYes : ProgressLine::Show::kNo,
      clock);
  const auto loading = [&line](std::size_t done, std::size_t total) {
    line.update("loading: layer {} of {}", done, total);
  };
  engine::Session* session =
      &remains.session.emplace(options, transport, clock, stops.signals, std::move(log));
  SY_TRY(session->open(std::move(source), loading));
  remains.opened = true;
  stops.watch.begun();
  line.clear();
  if (lead && transport.name().ends_with("mpi") && transport.size() > 1 &&
      invocation.run().log.progress) {
    std::fprintf(stderr, "%s\n", unled_world_note().c_str());
  }
  if (!lead) {
    SY_TRY(session->follow());
  } else {
    auto ran = program.run(*session);
    if (!ran && ran.error().scope != ErrorScope::kOperation) return ran;
    const auto report = session->close();
    SY_TRY(std::move(ran));  // before an error of close(), which may be its echo
    if (!report) return Unexpected(report.error());
    SY_TRY(write_trace_of(invocation.run().log, *report));
    SY_TRY(program.finish(*report));
    SY_TRY(check_conserved(*report));
  }
  return transport.finalize(Deadline::after(clock, options.exchange_deadline));
}

// One rank's life. What a library throws is the end of this rank: it has told nobody.
Result<void> run_rank(const Invocation& invocation, LeadProgram& program,
                      comm::Transport& transport, const Stops& stops, Remains& remains) {
  try {
    return live(invocation, program, transport, stops, remains);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kLimit, ErrorScope::kProcess, "this machine has not enough memory");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, ErrorScope::kProcess, "{}", error.what());
  }
}

Result<void> run_mpi_rank(const Invocation& invocation, LeadProgram& program,
                          comm::Transport& transport, const Stops& stops) {
  Remains remains;
  auto outcome = run_rank(invocation, program, transport, stops, remains);
  if (outcome) return outcome;
  const bool follower = transport.rank() != RankId(0);
  const bool untold = outcome.error().scope == ErrorScope::kProcess;
  if (transport.size() > 1 && (remains.opened || untold)) {
    // The others may be waiting for this rank: the job ends here, with this rank's verdict.
    std::fprintf(stderr, "switchyard: error: rank %u: %s\n", transport.rank().value(),
                 outcome.error().message.c_str());
    std::fflush(stderr);
    const bool agreed = !follower && outcome.error().scope == ErrorScope::kOperation;
    if (!agreed) comm::abort_mpi_world(exit_code(outcome.error().code));
  }
  const bool parted =
      transport.finalize(Deadline::after(remains.clock, std::chrono::seconds(10))).has_value();
  // What remains frees memory of the GPU, which waits for what the GPU does.
  if (!parted && !transport.halt_rows(Deadline::after(remains.clock, std::chrono::seconds(10)))) {
    comm::abort_mpi_world(exit_code(outcome.error().code));
  }
  // All ranks have the same error and the first tells it. The others end as if nothing were wrong:
  // mpirun ends the job at the first failure that it sees, maybe before the first rank has spoken.
  const bool agreed = outcome.error().scope == ErrorScope::kOperation;
  if (follower && agreed && parted && transport.size() > 1) return {};
  return outcome;
}

constexpr std::chrono::seconds kLeaveDeadline{10};

// After a failure that the others have not agreed to. What others may still read, what a GPU may
// still read or write, and what the transport has lent dies with the session: so the rank leaves
// first, and its transport stays. Then the others wait for it no longer.
void leave_local_world(const World& world, comm::Transport& self,
                       std::unique_ptr<Remains> remains) {
  const bool left = self.leave_at_once(Deadline::after(remains->clock, kLeaveDeadline));
  for (const auto& transport : world.transports) {
    if (transport.get() != &self) transport->set_lost(self.rank(), comm::Transport::Lost::kYes);
  }
  // Freeing memory of the GPU might never return; the end of the process, which is near, does it.
  if (!left) (void)remains.release();
}

Result<void> run_local_ranks(const Invocation& invocation, LeadProgram& program, World& world,
                             const Stops& stops) {
  std::mutex mutex;
  Result<void> first{};
  const auto body = [&](comm::Transport& transport) {
    auto remains = std::make_unique<Remains>();
    auto outcome = run_rank(invocation, program, transport, stops, *remains);
    if (outcome) return;
    {
      const std::lock_guard lock(mutex);
      // An abandoned wait is the echo of another rank's error, which is the one to report.
      if (first || first.error().code == ErrorCode::kInterrupted) first = std::move(outcome);
      stops.signals.abandon.store(true);
    }
    // After the report: the others may notice at once.
    leave_local_world(world, transport, std::move(remains));
  };
  std::vector<std::thread> threads;
  for (std::size_t r = 1; r < world.transports.size(); ++r) {
    threads.emplace_back([&body, &world, r] { body(*world.transports[r]); });
  }
  body(*world.transports.front());
  for (auto& thread : threads) thread.join();
  return first;
}

}  // namespace

Result<void> run_on_cluster(const Invocation& invocation, LeadProgram& program) {
  engine::StopSignals signals;
  StopWatch stop_watch(signals);
  program.heed(stop_watch);
  const Stops stops{signals, stop_watch};
  SY_ASSIGN(auto world, join_world(invocation));
  if (auto fits = check_world_fits(invocation, world); !fits) {
    if (world.mpi) {
      const SteadyClock clock;
      const auto deadline = Deadline::after(clock, std::chrono::seconds(10));
      (void)world.transports.front()->finalize(deadline).has_value();
    }
    return fits;
  }
  for (auto& transport : world.transports) {
    SY_ASSIGN(transport, with_row_exchange(invocation.run(), std::move(transport)));
  }
  return world.mpi ? run_mpi_rank(invocation, program, *world.transports.front(), stops)
                   : run_local_ranks(invocation, program, world, stops);
}

}  // namespace switchyard::launcher
