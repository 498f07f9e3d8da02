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
constexpr double kExpertsPerToken = 8;
constexpr std::size_t kRowBytes = kHidden * size_bytes(DType::kBf16);
constexpr std::size_t kHeadBytes = 64;
constexpr std::size_t kRounds = 50;
constexpr std::size_t kWarmUps = 5;
constexpr std::chrono::seconds kDeadline{120};

// Of `tokens` tokens of a rank those that another given rank gets: it holds one of the token's
// experts at least. A row goes to a rank once.
std::size_t rows_to_each(std::size_t tokens, std::size_t ranks) {
  const double missed = std::pow(1 - 1 / static_cast<double>(ranks), kExpertsPerToken);
  return static_cast<std::size_t>(std::ceil(static_cast<double>(tokens) * (1 - missed)));
}

class RowsExchange {
 public:
  static Result<RowsExchange> create(kernels::Device& device, comm::Transport& transport,
                                     std::size_t rows) {
    RowsExchange made(transport, {kHeadBytes, rows * kRowBytes});
    const auto room = made.size_.times(transport.size());
    SY_ASSIGN(made.out_, moe::MessageMemory::create_to_send(device, transport, room, kRowBytes));
    SY_ASSIGN(made.in_, moe::MessageMemory::create(device, transport.row_place(), room, kRowBytes));
    return made;
  }

  // One leg: to every other rank, and from every other rank. Blocks: until all rows have come; the
  // ends of the own sends are seen later, as in a run. The bytes never change.
  Result<void> leg(comm::Channel channel) {
    SY_TRY(send(channel));
    std::size_t taken = 0;
    return wait_until([&]() -> Result<bool> {
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
    return wait_until([&]() -> Result<bool> {
      SY_TRY(collect_done());
      (void)transport_->probe(comm::Channel::kControl).has_value();  // acks come in by looking
      return tickets_.empty();
    });
  }

  [[nodiscard]] double bytes_sent() const noexcept {
    return static_cast<double>(size_.rows * (transport_->size() - 1));
  }

 private:
  RowsExchange(comm::Transport& transport, moe::MessageBytes size)
      : transport_(&transport), size_(size) {}

  template <class Done>
  Result<void> wait_until(Done done) {
    const SteadyClock clock;
    const auto deadline = Deadline::after(clock, kDeadline);
    for (std::uint32_t idle = 0;; ++idle) {
      SY_ASSIGN(const bool over, done());
      if (over) return {};
      if (deadline.passed(clock)) {
        return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "bench exchange waited for {:.0f} s",
                    to_seconds(kDeadline));
      }
      transport_->wait_a_moment(idle);
    }
  }

  Result<void> send(comm::Channel channel) {
    std::size_t place = 0;
    for (std::uint32_t r = 0; r < transport_->size(); ++r) {
      if (RankId(r) == transport_->rank()) continue;
      const auto parts = out_.message(size_.times(place++), size_);
      SY_ASSIGN(const auto ticket,
                transport_->send_rows(RankId(r), channel, parts.head, parts.rows));
      tickets_.push_back(ticket);
    }
    return {};
  }

  Result<bool> take(comm::Channel channel, std::size_t place) {
    SY_ASSIGN(const auto arrival, transport_->probe(channel));
    if (!arrival) return false;
    if (!in_.fits(*arrival, size_)) {
      return fail(ErrorCode::kPeer, "rank {} sent rows of another size", arrival->from.value());
    }
    const auto parts = in_.incoming(size_.times(place), *arrival);
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
  moe::MessageBytes size_;  // of one message
  moe::MessageMemory out_;
  moe::MessageMemory in_;
  std::vector<comm::SendTicket> tickets_;
};

BenchRow leg_row(std::string name, std::vector<double> times_us, double bytes) {
  BenchRow row;
  row.name = std::move(name);
  row.sample = summarise(std::move(times_us));
  row.achieved = bytes / row.sample.us_p50 / 1e3;
  row.unit = "GB/s";
  return row;
}

}  // namespace

Result<void> bench_rows_exchange(const engine::ClusterOptions& options, comm::Transport& transport,
                                 const BenchPlan& plan, BenchRows& rows) {
  SY_ASSIGN(const auto device, engine::make_rank_device(options, transport));
  // For the larger batch at once: a faster rank may be a leg ahead, and that leg the larger one's.
  const std::size_t most =
      rows_to_each(std::max(plan.sequences, plan.prompt_tokens), transport.size());
  transport.follow(device->queue());
  // What it lends before is lent again.
  (void)comm::RowLoan(transport, most * kRowBytes * transport.size());
  SY_TRY(transport.reserve_rows(2 * most * kRowBytes * transport.size()));
  for (const std::size_t tokens : {plan.sequences, plan.prompt_tokens}) {
    const std::size_t count = rows_to_each(tokens, transport.size());
    SY_ASSIGN(auto exchange, RowsExchange::create(*device, transport, count));
    std::vector<double> dispatch_us;
    std::vector<double> combine_us;
    const SteadyClock clock;
    for (std::size_t round = 0; round < kWarmUps + kRounds; ++round) {
      const TimePoint start = clock.now();
      SY_TRY(exchange.leg(comm::Channel::kDispatch));
      SY_TRY(device->synchronize());  // the rows are at their place
      const TimePoint middle = clock.now();
      SY_TRY(exchange.leg(comm::Channel::kCombine));
      SY_TRY(device->synchronize());
      if (round < kWarmUps) continue;
      dispatch_us.push_back(1e6 * to_seconds(middle - start));
      combine_us.push_back(1e6 * to_seconds(clock.now() - middle));
    }
    SY_TRY(exchange.settle());
    if (transport.rank() != RankId(0)) continue;
    const auto name =
        fmt::format("exchange/{}/{} tokens, {} rows a peer", transport.name(), tokens, count);
    rows.add(leg_row(name + ": dispatch", std::move(dispatch_us), exchange.bytes_sent()));
    rows.add(leg_row(name + ": combine", std::move(combine_us), exchange.bytes_sent()));
  }
  return {};
}

}  // namespace switchyard::launcher
