// tests/unit/moe/plane_world.h -- several ranks' data planes over the local transport, driven from
// one thread, with tiny fp32 experts that every rank could hold. Not a cluster: no engine, no
// model. Thread safety: shared objects: unsafe.
#pragma once

#include <atomic>
#include <climits>
#include <memory>
#include <vector>

#include "comm/worlds.h"
#include "runtime/moe/data_plane.h"

namespace switchyard::moe::test {

inline constexpr std::size_t kHidden = 32;
inline constexpr std::size_t kInner = 16;
inline constexpr std::size_t kLayers = 2;
inline constexpr std::size_t kExperts = 6;
inline constexpr std::size_t kTokens = 9;
inline constexpr std::size_t kMaxK = 3;

// Time moves a little whenever somebody looks: waits end without a sleep deciding anything.
class TickingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return now_ += Duration(20'000); }
  void pass(Duration time) noexcept { now_ += time; }

 private:
  mutable TimePoint now_{};
};

struct WorldShape {
  std::size_t ranks = 1;
  std::size_t routers = 1;
  bool colocated = true;
  std::size_t replicas = 1;
  std::string replica_choice = "local-first";
  std::uint64_t ramp_steps = 0;
};

// Expert e of layer l lives on the expert ranks (e + l + 0..replicas-1) mod their number.
[[nodiscard]] std::shared_ptr<const placement::View> make_view(const WorldShape& shape,
                                                               Epoch epoch = Epoch(1),
                                                               std::vector<RankId> without = {});

// Each token has 1 to kMaxK distinct experts; equal seeds give equal selections.
[[nodiscard]] routing::Selections make_selections(std::uint64_t seed);
// [kTokens, kHidden] values in -1..1.
[[nodiscard]] std::vector<float> make_rows(std::uint64_t seed);

// Both are views of `values`, [kTokens, kHidden].
[[nodiscard]] Rows rows_of(const std::vector<float>& values);
[[nodiscard]] MatrixView<float> view_of(std::vector<float>& values);

// What a router brings to an exchange; it outlives the exchange.
struct ExchangeInputs {
  explicit ExchangeInputs(std::uint64_t seed)
      : x(make_rows(seed)), selections(make_selections(seed)), residual(make_rows(seed + 1)) {}
  // Micro-batch 0, layer 1, step 1.
  [[nodiscard]] Result<void> begin_on(DataPlane& plane) const {
    return plane.begin(0, 1, 1, rows_of(x), selections, keys);
  }

  std::vector<float> x;
  routing::Selections selections;
  std::vector<float> residual;
  std::vector<std::uint32_t> keys = std::vector<std::uint32_t>(kTokens, 0);
};

class PlaneWorld {
 public:
  // `feeds`: by rank, null or absent where views stay. Every rank holds all experts where
  // `views_change`, else those of the view.
  PlaneWorld(const WorldShape& shape, std::vector<ViewFeed*> feeds = {},
             Duration exchange_deadline = std::chrono::seconds(5));

  [[nodiscard]] DataPlane& plane(std::size_t rank) { return *ranks_[rank].plane; }
  [[nodiscard]] comm::Transport& transport(std::size_t rank) { return *ranks_[rank].transport; }
  [[nodiscard]] ExpertStore& store(std::size_t rank) { return *ranks_[rank].store; }
  // As another thread sees it: dispatches that wait there or are being served.
  [[nodiscard]] std::uint32_t open_jobs(std::size_t rank) const { return *ranks_[rank].open_jobs; }
  [[nodiscard]] const WireShape& wire() const noexcept { return wire_; }
  std::atomic<bool>& abandon() noexcept { return abandon_; }
  void pass(Duration time) noexcept { clock_.pass(time); }

  // Lets these ranks serve, and `router` take their answers, until none has anything to do.
  [[nodiscard]] Result<void> serve_only(std::size_t router, const std::vector<std::size_t>& ranks);
  [[nodiscard]] Result<void> serve_all_but(std::size_t router);
  // One exchange of one router, served and combined: the residual [kTokens, kHidden].
  [[nodiscard]] Result<std::vector<float>> run(std::size_t router, std::size_t layer,
                                               std::uint64_t seed);

 private:
  struct Rank {
    std::unique_ptr<comm::Transport> transport;
    std::unique_ptr<kernels::Device> device;
    std::unique_ptr<ExpertStore> store;
    std::unique_ptr<std::atomic<std::uint32_t>> open_jobs;
    std::unique_ptr<DataPlane> plane;
  };
  TickingClock clock_;
  std::atomic<bool> abandon_{false};
  WireShape wire_;
  std::vector<Rank> ranks_;
  std::uint64_t step_ = 0;
};

// Remembers whom it was told of; offers no view, and ends the waiting after `reports_max` reports.
class Listening final : public ViewFeed {
 public:
  explicit Listening(int reports_max = INT_MAX) : reports_left_(reports_max) {}
  Result<std::shared_ptr<const placement::View>> poll() override {
    if (reports_left_ > 0) return nullptr;
    return fail(ErrorCode::kStaleEpoch, ErrorScope::kProcess, "the cluster went on without it");
  }
  void report_silent(Epoch epoch, Duration /*waited*/, std::span<const RankId> silent) override {
    --reports_left_;
    epoch_ = epoch;
    silent_.assign(silent.begin(), silent.end());
  }
  void report_breaker(const BreakerEvent& /*event*/) override {}
  Duration unled() const override { return unled_; }
  void lose_the_lead(Duration ago) { unled_ = ago; }
  bool unwanted() override { return unwanted_; }
  void forget_all() { unwanted_ = true; }
  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] const std::vector<RankId>& silent() const { return silent_; }

 private:
  int reports_left_;
  Duration unled_{};
  bool unwanted_ = false;
  Epoch epoch_;
  std::vector<RankId> silent_;
};

// The same rows by the device alone: each pair by itself, summed in slot order.
[[nodiscard]] std::vector<float> run_without_plane(std::size_t layer, std::uint64_t seed);

}  // namespace switchyard::moe::test
