#include "runtime/engine/session.h"

#include <new>

#include "runtime/base/check.h"
#include "runtime/engine/arrivals.h"

namespace switchyard::engine {
namespace {

// A rank that is told to stop waits this long for the lead's goodbye.
constexpr Duration kStopGrace{10'000'000'000};

nlohmann::json encode_error(const Error& error) {
  return {{"kind", "failed"},
          {"code", static_cast<int>(error.code)},
          {"scope", static_cast<int>(error.scope)},
          {"message", error.message}};
}

Error decode_error(const nlohmann::json& body) {
  return {static_cast<ErrorCode>(body.value("code", static_cast<int>(ErrorCode::kInternal))),
          static_cast<ErrorScope>(body.value("scope", 0)), body.value("message", std::string())};
}

// Sizes come from flags and files: where they are too large for this machine, everyone hears it.
Result<RankParts> try_rank_parts(const ClusterOptions& options, model::WeightSource& source,
                                 comm::Transport& transport, const Clock& clock,
                                 const std::atomic<bool>& abandon, const LoadProgress& progress) {
  try {
    return make_rank_parts(options, source, transport, clock, abandon, progress);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kLimit, "this machine has not enough memory for the run's buffers");
  }
}

}  // namespace

Session::Session(const ClusterOptions& options, comm::Transport& transport, const Clock& clock,
                 const StopSignals& signals, Log log)
    : options_(options),
      transport_(transport),
      clock_(clock),
      signals_(signals),
      log_(std::move(log)),
      link_(transport),
      peers_(transport.size()) {}

Result<void> Session::open(Result<std::unique_ptr<model::WeightSource>> source,
                           const LoadProgress& load_progress) {
  Result<void> own{};
  if (source) {
    source_ = std::move(source).value();
    auto parts =
        try_rank_parts(options_, *source_, transport_, clock_, signals_.abandon, load_progress);
    if (parts) {
      parts_ = std::move(parts).value();
    } else {
      own = Unexpected(std::move(parts).error());
    }
  } else {
    own = Unexpected(std::move(source).error());
  }
  return agree(std::move(own));
}

Result<void> Session::agree(Result<void> own) {
  return leads() ? gather_ready(std::move(own)) : [&]() -> Result<void> {
    nlohmann::json hello = {{"kind", "ready"}};
    if (own) {
      hello["fingerprint"] = world_fingerprint(options_, *source_, transport_);
    } else {
      hello = encode_error(own.error());
    }
    SY_TRY(link_.post(RankId(0), hello));
    return await_go();
  }();
}

Result<void> Session::gather_ready(Result<void> own) {
  std::vector<bool> heard(transport_.size());
  heard[0] = true;
  const Deadline deadline = Deadline::after(clock_, options_.start_deadline);
  const auto print = own ? world_fingerprint(options_, *source_, transport_) : std::string();
  const auto silent = [&] {
    std::string names;
    for (std::size_t r = 0; r < heard.size(); ++r) {
      if (!heard[r]) names += fmt::format(" {}", r);
    }
    return fmt::format("start-up of rank(s){}", names);
  };
  const auto all_heard = [&]() -> Result<bool> {
    SY_ASSIGN(auto message, link_.poll());
    if (message) {
      const auto rank = message->from.index();
      heard[rank] = true;
      if (message->body["kind"] == "failed") {
        if (own) own = with_place(decode_error(message->body), fmt::format("rank {}", rank));
      } else if (const auto theirs = message->body.value("fingerprint", std::string("?"));
                 own && theirs != print) {
        own = fail(ErrorCode::kUsage,
                   "rank {} was started with other options or another model: {} -- rank 0: {}",
                   rank, theirs, print);
      }
    }
    return std::ranges::find(heard, false) == heard.end();
  };
  SY_TRY(work_until(all_heard, deadline, silent));
  const auto verdict = own ? nlohmann::json{{"kind", "go"}} : encode_error(own.error());
  for (std::uint32_t r = 1; r < transport_.size(); ++r) SY_TRY(link_.post(RankId(r), verdict));
  SY_TRY(work_until([&] { return link_.flushed(); }, deadline, [] { return "the start signal"; }));
  return own;
}

Result<void> Session::await_go() {
  std::optional<ControlMessage> message;
  const auto arrived = [&]() -> Result<bool> {
    SY_ASSIGN(message, link_.poll());
    return message.has_value();
  };
  SY_TRY(work_until(arrived, Deadline::after(clock_, options_.start_deadline),
                    [] { return "the start signal of rank 0"; }));
  if (message->body["kind"] == "failed") return Unexpected(decode_error(message->body));
  return {};
}

Result<void> Session::work_until(const std::function<Result<bool>()>& done, Deadline deadline,
                                 const std::function<std::string()>& what) {
  std::uint32_t idle_rounds = 0;
  while (true) {
    SY_ASSIGN(const bool over, done());
    if (over) return {};
    bool any = false;
    if (parts_.plane) {
      SY_ASSIGN(any, parts_.plane->progress());
    }
    if (any) {
      idle_rounds = 0;
      continue;
    }
    if (signals_.abandon.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kInterrupted, "stopped while waiting for {}", what());
    }
    if (deadline.passed(clock_)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "no sign of {} (epoch {})", what(),
                  parts_.view ? parts_.view->epoch.value() : 0);
    }
    transport_.wait_a_moment(++idle_rounds);
  }
}

routing::RouterConvention convention_of(const model::ModelConfig& model) {
  routing::RouterConvention convention;
  convention.layers = model.moe_layer_count();
  convention.experts = model.experts;
  convention.k_static = model.experts_per_token;
  convention.renormalise = model.norm_topk_prob;
  return convention;
}

Result<JobResult> Session::run_share(
    const Job& job, Observer* observer,
    const std::function<Result<void>(const JobProgress&)>& report) {
  auto& engine = *parts_.engine;
  SY_ASSIGN(auto router, routing::make_router(job.routing, convention(), job.calibration));
  if (options_.k_max != 0 && router->k_max() > options_.k_max) {
    return fail(ErrorCode::kInternal, "routing {} needs k up to {}; buffers were made for {}",
                router->spec(), router->k_max(), options_.k_max);
  }
  const routing::RoutingStats::Shape shape{convention().layers, convention().experts,
                                           router->k_max(), convention().scoring};
  JobCollector collector(job.keeps, routing::RoutingStats(shape), observer);
  engine.set_router(std::move(router), {.residual_variance = job.keeps.signals});
  engine.set_observer(&collector);
  // A step may take seconds, and mpirun kills a second after its signal. Who records selections
  // wants all layers of a token.
  engine.set_stop(job.keeps.selections ? nullptr : &signals_.stop);
  Arrivals arrivals(job.sequences);
  JobProgress progress;
  progress.sequences = job.sequences.size();
  const TimePoint start = clock_.now();
  // The lead takes a silent router for lost, and a step may last longer than its patience.
  engine.set_pulse([&] { return leads() ? reassure() : report(progress); });
  while (true) {
    if (signals_.stop.load(std::memory_order_relaxed)) {
      for (const auto& request : arrivals.take_rest()) SY_TRY(engine.submit(request));
      engine.interrupt();
      break;
    }
    for (const auto& request : arrivals.take(clock_.now() - start)) SY_TRY(engine.submit(request));
    SY_ASSIGN(const bool worked, engine.step());
    if (!worked && arrivals.over()) break;
    progress.sequences_done = collector.finished_count();
    progress.tokens = engine.times().prompt_tokens + engine.times().decode_tokens;
    progress.seconds = to_seconds(clock_.now() - start);
    SY_TRY(report(progress));
    if (!worked) {
      SY_TRY(await_arrival(start + *arrivals.next(), [&] { return report(progress); }));
    }
  }
  engine.set_observer(nullptr);
  engine.set_stop(nullptr);
  engine.set_pulse(nullptr);
  auto result = collector.take();
  result.times = engine.take_times();
  return result;
}

// Other ranks' rows are served meanwhile, and the lead hears that this rank lives.
Result<void> Session::await_arrival(TimePoint arrival,
                                    const std::function<Result<void>()>& report) {
  const auto due = [&]() -> Result<bool> {
    SY_TRY(report());
    return clock_.now() >= arrival || signals_.stop.load(std::memory_order_relaxed);
  };
  return work_until(due, Deadline(arrival + options_.exchange_deadline),
                    [] { return "the next prompt"; });
}

Result<void> Session::follow() {
  std::uint32_t idle_rounds = 0;
  std::optional<Deadline> grace;
  TimePoint heard = clock_.now();
  while (true) {
    SY_ASSIGN(auto message, link_.poll());
    if (message && message->body["kind"] == "end") break;
    if (message && message->body["kind"] == "job") {
      SY_ASSIGN(const auto job, decode_job(message->body));
      TimePoint reported{};
      const auto report = [&](const JobProgress& progress) -> Result<void> {
        if (clock_.now() - reported < Duration(200'000'000)) return {};
        reported = clock_.now();
        return link_.post(
            RankId(0),
            {{"kind", "progress"}, {"done", progress.sequences_done}, {"tokens", progress.tokens}});
      };
      SY_ASSIGN(const auto result, run_share(job, nullptr, report));
      SY_TRY(link_.post(RankId(0), encode_result(result)));
      heard = clock_.now();
      continue;
    }
    SY_ASSIGN(const bool any, parts_.plane->progress());
    if (any || message) {
      idle_rounds = 0;
      heard = clock_.now();
      continue;
    }
    if (clock_.now() - heard > options_.lead_deadline) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "no sign of rank 0 for {:.0f} s",
                  to_seconds(options_.lead_deadline));
    }
    if (signals_.abandon.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kInterrupted, "stopped: another rank failed");
    }
    if (signals_.stop.load(std::memory_order_relaxed)) {
      if (!grace) grace = Deadline::after(clock_, kStopGrace);
      if (grace->passed(clock_)) return fail(ErrorCode::kInterrupted, "stopped by a signal");
    }
    transport_.wait_a_moment(++idle_rounds);
  }
  SY_TRY(link_.post(RankId(0), encode_rank_report(make_rank_report(parts_, *source_, transport_))));
  return work_until(
      [this]() -> Result<bool> {
        SY_ASSIGN(const bool flushed, link_.flushed());
        SY_ASSIGN(const bool idle, parts_.plane->idle());
        return flushed && idle;
      },
      Deadline::after(clock_, options_.exchange_deadline),
      [] { return "the last answers' readers"; });
}

}  // namespace switchyard::engine
