#include <array>
#include <thread>

#include "comm/ping_pong.h"
#include "launcher/bench/bench_parts.h"
#include "launcher/row_exchange.h"

namespace switchyard::launcher {
namespace {

constexpr std::array<std::size_t, 6> kMessageBytes{64,
                                                   4096,
                                                   std::size_t{16} << 10,
                                                   std::size_t{64} << 10,
                                                   std::size_t{256} << 10,
                                                   std::size_t{1} << 20};
constexpr std::chrono::seconds kDeadline{60};

BenchRow round_trip_row(std::string name, const comm::PingPong& result, double bare_us) {
  BenchRow row;
  row.name = std::move(name);
  row.sample = summarise(result.round_trips_us);
  row.achieved = 2 * static_cast<double>(result.bytes) / result.round_trip_us_p50 / 1e3;
  row.unit = "GB/s";
  if (bare_us > 0) {
    row.ceiling = 2 * static_cast<double>(result.bytes) / bare_us / 1e3;
    row.limit = "bare MPI";
  }
  return row;
}

comm::PingPongOptions round_trips_of(std::size_t bytes) {
  return {bytes, bytes > 100'000 ? 200U : 1000U};
}

BenchRow bare_row(const comm::PingPong& bare) {
  return round_trip_row(fmt::format("exchange/bare mpi/{} B", bare.bytes), bare, 0);
}

Result<void> measure(comm::Transport& transport, bool mpi, BenchRows& rows) {
  const SteadyClock clock;
  for (const std::size_t bytes : kMessageBytes) {
    const auto options = round_trips_of(bytes);
    double bare_us = 0;
    if (mpi) {
      SY_ASSIGN(const auto bare, comm::mpi_bare_ping_pong(options));
      bare_us = bare.round_trip_us_p50;
      if (transport.rank() == RankId(0)) rows.add(bare_row(bare));
    }
    SY_ASSIGN(const auto ours,
              comm::ping_pong(transport, options, Deadline::after(clock, kDeadline)));
    if (transport.rank() == RankId(0)) {
      rows.add(
          round_trip_row(fmt::format("exchange/{}/{} B", transport.name(), bytes), ours, bare_us));
    }
  }
  return {};
}

// One rank's part. Takes the transport over: rows may go another way than all else.
Result<void> measure_rank(const Invocation& invocation, const BenchPlan& plan,
                          std::unique_ptr<comm::Transport> base, bool mpi, BenchRows& rows) {
  const SteadyClock clock;
  SY_ASSIGN(const auto options, cluster_options(invocation.run()));
  SY_ASSIGN(const auto transport, with_row_exchange(invocation.run(), std::move(base)));
  SY_TRY(bench_rows_exchange(options, *transport, plan, rows));
  if (options.device_name == "cpu" && transport->rank().value() < 2) {
    SY_TRY(measure(*transport, mpi, rows));
  }
  return transport->finalize(Deadline::after(clock, 2 * kDeadline));
}

}  // namespace

Result<std::vector<BenchRow>> bench_bare_mpi(const Invocation& invocation) {
  SY_ASSIGN(const auto transport, comm::join_mpi_world(invocation.argc, invocation.argv, {}));
  std::vector<BenchRow> rows;
  for (const std::size_t bytes : kMessageBytes) {
    if (transport->size() < 2 || transport->rank().value() > 1) break;
    SY_ASSIGN(const auto bare, comm::mpi_bare_ping_pong(round_trips_of(bytes)));
    if (transport->rank() == RankId(0)) rows.push_back(bare_row(bare));
  }
  const SteadyClock clock;
  SY_TRY(transport->finalize(Deadline::after(clock, 2 * kDeadline)));
  return rows;
}

Result<void> bench_exchange(const Invocation& invocation, const BenchPlan& plan, BenchRows& rows) {
  if (!comm::started_by_mpi_launcher(invocation.env())) {
    auto world = comm::make_local_world(2, {});
    Result<void> other{};
    std::thread thread(
        [&] { other = measure_rank(invocation, plan, std::move(world[1]), false, rows); });
    auto own = measure_rank(invocation, plan, std::move(world[0]), false, rows);
    thread.join();
    SY_TRY(std::move(own));
    return other;
  }
  SY_ASSIGN(auto transport, comm::join_mpi_world(invocation.argc, invocation.argv, {}));
  if (transport->size() < 2) return fail(ErrorCode::kUsage, "bench exchange needs 2 ranks");
  return measure_rank(invocation, plan, std::move(transport), true, rows);
}

}  // namespace switchyard::launcher
