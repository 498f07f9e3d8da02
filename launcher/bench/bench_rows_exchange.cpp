// Rows from every rank to every other and back, as the routers and the expert ranks of an MoE layer
// exchange them, over the transport that a run would take.
#include <algorithm>
#include <cmath>

#include "kernels/device.h"
#include "launcher/bench/bench_parts.h"
#include "runtime/engine/rank_parts.h"
#include "runtime/moe/message_memory.h"

namespace switchyard::launcher {
namespace {

// The layer of the published figures for such exchanges: DeepEP's, of DeepSeek-V3.
constexpr std::size_t kHidden = 7168;
constexpr std::size_t kExpertsPerToken = 8;
constexpr std::size_t kExperts = 256;
constexpr std::size_t kRowBytes = kHidden * size_bytes(DType::kBf16);
constexpr std::size_t kHeadBytes = 64;
constexpr std::size_t kRounds = 50;
constexpr std::size_t kWarmUps = 5;
constexpr std::chrono::seconds kDeadline{120};

// Rows between two given ranks.
struct LegRows {
  std::size_t dispatch = 0;
  std::size_t combine = 0;
  [[nodiscard]] std::size_t most() const noexcept { return std::max(dispatch, combine); }
};

// What a rank's `tokens` tokens send to another given rank, as many as are to be expected where the
// experts of a token are any different ones. A row goes once to a rank that holds one of them at
// least; back come the answers of all of them, a row each.
LegRows rows_to_each(std::size_t tokens, std::size_t ranks) {
  const double held = static_cast<double>(kExperts) / static_cast<double>(ranks);
  double missed = 1;
  for (std::size_t i = 0; i < kExpertsPerToken; ++i) {
    const double left = static_cast<double>(kExperts - i);
    missed *= std::max(left - held, 0.0) / left;
  }
  const double pairs = static_cast<double>(tokens * kExpertsPerToken) / static_cast<double>(ranks);
  return {static_cast<std::size_t>(std::ceil(static_cast<double>(tokens) * (1 - missed))),
          static_cast<std::size_t>(std::ceil(pairs))};
}

// Blocks: until done() answers true.
template <class Done>
Result<void> wait_until(comm::Transport& transport, Done done) {
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, kDeadline);
  for (std::uint32_t idle = 0;; ++idle) {
    SY_ASSIGN(const bool over, done());
    if (over) return {};
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "bench exchange waited for {:.0f} s",
                  to_seconds(kDeadline));
    }
    transport.wait_a_moment(idle);
  }
}

class RowsExchange {
 public:
  static Result<RowsExchange> create(kernels::Device& device, comm::Transport& transport,
                                     LegRows rows) {
    RowsExchange made(transport, rows);
    const moe::MessageBytes most{kHeadBytes, rows.most() * kRowBytes};
    const auto room = most.times(transport.size());
    SY_ASSIGN(made.out_, moe::MessageMemory::create_to_send(device, transport, room, kRowBytes));
    SY_ASSIGN(made.in_, moe::MessageMemory::create(device, transport.row_place(), room, kRowBytes));
    return made;
  }

  // One leg: to every other rank, and from every other rank. Blocks: until all rows have come; the
  // ends of the own sends are seen later, as in a run. The bytes never change.
  Result<void> leg(comm::Channel channel) {
    SY_TRY(send(channel));
    std::size_t taken = 0;
    return wait_until(*transport_, [&]() -> Result<bool> {
      SY_TRY(collect_done());
      while (taken + 1 < transport_->size()) {
        SY_ASSIGN(const bool received, take(channel, taken));
        if (!received) break;
        ++taken;
      }
      return taken + 1 == transport_->size();
    });
  }
  // Blocks: until no send is under way.
  Result<void> settle() {
    return wait_until(*transport_, [&]() -> Result<bool> {
      SY_TRY(collect_done());
      (void)transport_->probe(comm::Channel::kControl).has_value();  // acks come in by looking
      return tickets_.empty();
    });
  }

  [[nodiscard]] double bytes_sent(comm::Channel channel) const noexcept {
    return static_cast<double>(size(channel).rows * (transport_->size() - 1));
  }

 private:
  RowsExchange(comm::Transport& transport, LegRows rows) : transport_(&transport), rows_(rows) {}

  // Of one message.
  [[nodiscard]] moe::MessageBytes size(comm::Channel channel) const noexcept {
    const bool there = channel == comm::Channel::kDispatch;
    return {kHeadBytes, (there ? rows_.dispatch : rows_.combine) * kRowBytes};
  }

  Result<void> send(comm::Channel channel) {
    const auto each = size(channel);
    std::size_t place = 0;
    for (std::uint32_t r = 0; r < transport_->size(); ++r) {
      if (RankId(r) == transport_->rank()) continue;
      const auto parts = out_.message(each.times(place++), each);
      SY_ASSIGN(const auto ticket,
                transport_->send_rows(RankId(r), channel, parts.head, parts.rows));
      tickets_.push_back(ticket);
    }
    return {};
  }

  Result<bool> take(comm::Channel channel, std::size_t place) {
    SY_ASSIGN(const auto arrival, transport_->probe(channel));
    if (!arrival) return false;
    if (!in_.fits(*arrival, size(channel))) {
      return fail(ErrorCode::kPeer, "rank {} sent rows of another size", arrival->from.value());
    }
    const auto parts = in_.incoming(size(channel).times(place), *arrival);
    SY_TRY(transport_->receive_rows(*arrival, parts.head, parts.rows));
    return true;
  }

  Result<void> collect_done() {
    for (std::size_t i = 0; i < tickets_.size();) {
      SY_ASSIGN(const bool done, transport_->send_done(tickets_[i]));
      if (!done) {
        ++i;
        continue;
      }
      tickets_[i] = tickets_.back();
      tickets_.pop_back();
    }
    return {};
  }

  comm::Transport* transport_;
  LegRows rows_;
  moe::MessageMemory out_;
  moe::MessageMemory in_;
  std::vector<comm::SendTicket> tickets_;
};

// At rank 0: of each time the slowest rank's.
Result<void> keep_slowest(comm::Transport& transport, std::vector<double>& times_us) {
  if (transport.rank() != RankId(0)) {
    const Bytes own = std::as_bytes(std::span(times_us));
    SY_ASSIGN(const auto ticket, transport.send(RankId(0), comm::Channel::kControl, own));
    return wait_until(transport, [&] { return transport.send_done(ticket); });
  }
  std::vector<double> others(times_us.size());
  const MutableBytes into = std::as_writable_bytes(std::span(others));
  const auto take = [&]() -> Result<bool> {
    SY_ASSIGN(const auto arrival, transport.probe(comm::Channel::kControl));
    if (!arrival) return false;
    if (arrival->bytes != into.size()) {
      return fail(ErrorCode::kPeer, "rank {} measured something else", arrival->from.value());
    }
    SY_TRY(transport.receive(*arrival, into));
    return true;
  };
  for (std::size_t r = 1; r < transport.size(); ++r) {
    SY_TRY(wait_until(transport, take));
    std::ranges::transform(times_us, others, times_us.begin(), std::ranges::max);
  }
  return {};
}

BenchRow leg_row(std::string name, std::span<const double> times_us, double bytes,
                 double bytes_as_published) {
  BenchRow row;
  row.name = std::move(name);
  row.sample = summarise({times_us.begin(), times_us.end()});
  row.achieved = bytes / row.sample.us_p50 / 1e3;
  row.gbs_as_published = bytes_as_published / row.sample.us_p50 / 1e3;
  row.unit = "GB/s";
  return row;
}

}  // namespace

Result<void> bench_rows_exchange(const engine::ClusterOptions& options, comm::Transport& transport,
                                 const BenchPlan& plan, BenchRows& rows) {
  SY_ASSIGN(const auto device, engine::make_rank_device(options, transport));
  // For the larger batch at once: a faster rank may be a leg ahead, and that leg the larger one's.
  const std::size_t most =
      rows_to_each(std::max(plan.sequences, plan.prompt_tokens), transport.size()).most();
  transport.follow(device->queue());
  // What it lends before is lent again.
  (void)comm::RowLoan(transport, most * kRowBytes * transport.size());
  SY_TRY(transport.reserve_rows(2 * most * kRowBytes * transport.size()));
  for (const std::size_t tokens : {plan.sequences, plan.prompt_tokens}) {
    const LegRows count = rows_to_each(tokens, transport.size());
    SY_ASSIGN(auto exchange, RowsExchange::create(*device, transport, count));
    std::vector<double> times_us(2 * kRounds);  // of all dispatches, of all combines
    const SteadyClock clock;
    for (std::size_t round = 0; round < kWarmUps + kRounds; ++round) {
      const TimePoint start = clock.now();
      SY_TRY(exchange.leg(comm::Channel::kDispatch));
      SY_TRY(device->synchronize());  // the rows are at their place
      const TimePoint middle = clock.now();
      SY_TRY(exchange.leg(comm::Channel::kCombine));
      SY_TRY(device->synchronize());
      if (round < kWarmUps) continue;
      times_us[round - kWarmUps] = 1e6 * to_seconds(middle - start);
      times_us[kRounds + round - kWarmUps] = 1e6 * to_seconds(clock.now() - middle);
    }
    SY_TRY(exchange.settle());
    SY_TRY(keep_slowest(transport, times_us));
    if (transport.rank() != RankId(0)) continue;
    const auto as_published = static_cast<double>(tokens * kExpertsPerToken * kRowBytes);
    const auto add = [&](std::string_view leg, comm::Channel channel, std::size_t rows_each,
                         std::span<const double> times) {
      rows.add(leg_row(fmt::format("exchange/{}/{} tokens, {} rows a peer: {}", transport.name(),
                                   tokens, rows_each, leg),
                       times, exchange.bytes_sent(channel), as_published));
    };
    const std::span times(times_us);
    add("dispatch", comm::Channel::kDispatch, count.dispatch, times.first(kRounds));
    add("combine", comm::Channel::kCombine, count.combine, times.last(kRounds));
  }
  return {};
}

}  // namespace switchyard::launcher
