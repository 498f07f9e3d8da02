#include "launcher/launch/launched_run.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

#include "launcher/run_report.h"
#include "runtime/control/token_bytes.h"

namespace switchyard::launcher {
namespace {

constexpr Duration kCallLimit{10'000'000'000};
constexpr Duration kListenWait{20'000'000};
constexpr Duration kStatusInterval{500'000'000};
constexpr Duration kLeavePatience{20'000'000'000};
// For mpirun to end when the ranks have. Over several hosts it never does: its daemons tell nobody
// of a rank that ends without MPI_Finalize, which none calls, as it may hang after a death.
constexpr Duration kEndPatience{2'000'000'000};
constexpr Duration kLastWordsWait{500'000'000};
constexpr Duration kReachLimit{2'000'000'000};  // so that a controller that hangs is seen to
constexpr Duration kReachPatience{60'000'000'000};
constexpr Duration kFirstReachPatience{2'000'000'000};
constexpr std::size_t kSubmitRequestsMax = 1000;
constexpr std::size_t kSubmitBytesMax = std::size_t{8} << 20;

control::NewRequest new_request(const std::string& run, const engine::SequenceRequest& request) {
  control::NewRequest out;
  out.name = fmt::format("{}{}", run, request.id.value());
  out.origin = request.origin;
  out.regime = request.regime;
  out.trace_parent = request.trace.text();
  out.payload = engine::pack_request(request);
  return out;
}

template <std::size_t kBytes>
Result<std::array<std::uint8_t, kBytes>> random_bytes() {
  std::array<std::uint8_t, kBytes> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return fail(ErrorCode::kIo, "the system has no random bytes");
  }
  return random;
}

// The start of a trace of our own, for a request that brings none.
Result<TraceContext> new_trace() {
  SY_ASSIGN(const auto random, random_bytes<24>());
  return make_trace_context(random);
}

}  // namespace

LaunchedRun::LaunchedRun(ClusterProcesses& processes, ServedProgram& program,
                         ProgressLine::Show show, const std::atomic<bool>& stop,
                         std::string trace_out, Duration controller_limit)
    : processes_(processes),
      program_(program),
      stop_(stop),
      view_(show, clock_),
      silence_(controller_limit),
      trace_out_(std::move(trace_out)) {}

Result<void> LaunchedRun::run() {
  started_ = clock_.now();
  SY_ASSIGN(const auto own, random_bytes<8>());
  name_ = fmt::format("{:02x}/", fmt::join(own, ""));
  requests_ = program_.requests();
  for (auto& request : requests_) {
    if (!request.trace.empty()) continue;
    SY_ASSIGN(request.trace, new_trace());
  }
  arrivals_ = engine::Arrivals(requests_);
  SY_TRY(await_results());
  seconds_ = to_seconds(clock_.now() - started_);
  SY_TRY(end_cluster());
  ended_in_order_ = true;
  view_.clear();
  if (stopped_early_) {
    return fail(ErrorCode::kInterrupted, "stopped before the cluster served anything");
  }
  return report();
}

Result<void> LaunchedRun::connect() {
  SY_ASSIGN(auto client,
            net::Client::connect(processes_.controller(), processes_.secret(),
                                 reached_ ? kReachLimit : kCallLimit, processes_.tls()));
  SY_TRY(client.send(control::Command{control::Wish::kWatch, 0}, kCallLimit));
  client_.emplace(std::move(client));
  arrivals_.hand_out_again_from(0);
  end_asked_ = false;
  shutdown_asked_ = false;
  return {};
}

// A controller that dies, starts or is short of time for a while is not the end. One that cannot be
// reached from the start refuses us, or is not to be trusted: that will not mend itself.
Result<void> LaunchedRun::reach() {
  if (controller_gone_) {
    unreachable_since_.reset();
    std::this_thread::sleep_for(kListenWait);
    return {};
  }
  auto connected = connect();
  if (connected) {
    reached_ = true;
    silence_.heard();
    unreachable_since_.reset();
    return {};
  }
  if (!unreachable_since_) unreachable_since_ = clock_.now();
  const Duration patience = reached_ ? kReachPatience : kFirstReachPatience;
  if (clock_.now() - *unreachable_since_ > patience) return connected;
  std::this_thread::sleep_for(kListenWait);
  return {};
}

// Where the controller dies on the way, its next life hears all of them again that have no result;
// those that it has it knows by their names. In pieces: a message has its limit, and the controller
// other things to do.
Result<void> LaunchedRun::submit_due() {
  while (client_) {
    const Duration elapsed = served_from_ ? clock_.now() - *served_from_ : Duration::zero();
    std::size_t handed = arrivals_.handed();
    const auto due = stop_.load() ? arrivals_.take_rest() : arrivals_.take(elapsed);
    control::Submit submit;
    std::size_t bytes = 0;
    for (const auto& request : due) {
      if (submit.requests.size() == kSubmitRequestsMax || bytes >= kSubmitBytesMax) break;
      ++handed;
      const auto id = request.id.value();
      if (results_.contains(id) || failed_.contains(id)) continue;
      submit.requests.push_back(new_request(name_, request));
      bytes += submit.requests.back().payload.size();
    }
    arrivals_.hand_out_again_from(handed);
    if (submit.requests.empty()) return {};
    if (auto sent = client_->send(submit, kCallLimit); !sent) {
      client_.reset();
      if (sent.error().code == ErrorCode::kLimit) {
        return with_place(std::move(sent).error(), "submitting the prompts");
      }
    }
  }
  return {};
}

// A controller that died, or lives and says nothing, comes back on the same address with its
// journal; results that were missed are sent again to whoever watches.
Result<ClusterProcesses::Standing> LaunchedRun::look_after(ClusterProcesses::ControllerEnd end) {
  if (!processes_.controller_listens()) silence_.heard();  // it reads its journal
  if (silence_.too_long(clock_.now())) {
    view_.event("the controller says nothing: it is ended and started again");
    client_.reset();
    processes_.end_controller();
  }
  using Wait = ClusterProcesses::Wait;
  auto standing = processes_.look_after(end, stop_.load() ? Wait::kSkipped : Wait::kTaken);
  const auto trouble = processes_.controller_trouble();
  if (trouble && !controller_gone_) view_.event(*trouble);
  controller_gone_ = trouble.has_value();
  return standing;
}

// What it answers also shows that the controller lives.
void LaunchedRun::ask_status() {
  if (!client_ || (!status_due_ && clock_.now() - status_asked_ < kStatusInterval)) return;
  status_asked_ = clock_.now();
  status_due_ = false;
  tell(control::Wish::kStatus);
}

Result<void> LaunchedRun::listen(Duration wait) {
  if (!client_) return reach();
  auto message = client_->receive(wait);
  if (!message) {
    client_.reset();
    return {};
  }
  if (!*message) return {};
  silence_.heard();
  return take(**message);
}

Result<void> LaunchedRun::take(const control::Message& message) {
  if (const auto* done = std::get_if<control::RequestDone>(&message)) {
    const auto id = own_request(done->name);
    if (!id) return {};
    if (done->error == control::kEndedNow) {
      auto& result = results_[*id];
      result.id = SequenceId(*id);
      result.prompt_tokens = static_cast<std::uint32_t>(requests_[*id].tokens.size());
      SY_ASSIGN(result.tokens, control::tokens_of_bytes(done->payload));
      result.finish = engine::FinishReason::kInterrupted;
      return {};
    }
    if (!done->error.empty()) {
      failed_[*id] = done->error;
      return {};
    }
    SY_ASSIGN(auto result, engine::unpack_sequence(done->payload));
    result.id = SequenceId(*id);
    results_[*id] = std::move(result);
  } else if (const auto* left = std::get_if<control::RankLeft>(&message)) {
    if (left->payload.empty()) {
      died_[{left->rank, left->last.life}] = left->last;
      return {};
    }
    SY_ASSIGN(farewells_[left->rank.value()], engine::unpack_farewell(left->payload));
  } else if (const auto* event = std::get_if<control::Event>(&message)) {
    if (event->kind == "rank_dead") ++lost_;
    status_due_ |= event->kind == "rank_spawn" || event->kind == "view_committed";
    if (!trace_out_.empty()) moments_.push_back({clock_.now(), event->kind, event->text});
    view_.event(event->text);
  } else if (const auto* answer = std::get_if<control::Answer>(&message)) {
    take_status(answer->status);
    if (!answer->accepted) return fail(ErrorCode::kPeer, "the controller: {}", answer->reason);
  }
  return {};
}

// Another client may have submitted requests under names of its own.
std::optional<std::uint32_t> LaunchedRun::own_request(const std::string& name) const {
  if (!name.starts_with(name_)) return std::nullopt;
  std::uint32_t id = 0;
  const auto [end, error] =
      std::from_chars(name.data() + name_.size(), name.data() + name.size(), id);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && id < requests_.size() ? std::optional(id) : std::nullopt;
}

void LaunchedRun::take_status(const std::string& text) {
  const auto status = nlohmann::json::parse(text, nullptr, false);
  view_.status(status, results_.size() + failed_.size(), requests_.size());
  if (!status.is_object() || !status.contains("ranks")) return;
  if (!served_from_ && status["view"].is_object()) served_from_ = clock_.now();
  start_awaited(status["ranks"]);
}

// The state says which slots want a process, and goes on saying so until one has come: a controller
// that died in between changes nothing. Where none can be started, the controller gives up waiting.
void LaunchedRun::start_awaited(const nlohmann::json& ranks) {
  for (const auto& rank : ranks) {
    if (!rank.value("awaited", false)) continue;
    const RankId slot(rank.value("rank", 0U));
    if (auto started = processes_.start_late_rank(slot, rank.value("spawn", 0U)); !started) {
      std::fprintf(stderr, "switchyard: slot %u: %s\n", slot.value(),
                   started.error().message.c_str());
    }
  }
}

Result<void> LaunchedRun::await_results() {
  while (results_.size() + failed_.size() < requests_.size()) {
    SY_ASSIGN(const auto standing, look_after(ClusterProcesses::ControllerEnd::kUnexpected));
    if (standing == ClusterProcesses::Standing::kRanksEnded) {
      return fail(ErrorCode::kPeer, "all ranks ended before the work was done");
    }
    SY_TRY(listen(kListenWait));
    SY_TRY(submit_due());
    ask_status();
    stopped_early_ = stop_.load() && !served_from_ && results_.empty();
    if (stopped_early_) return {};
    if (stop_.load() && client_ && arrivals_.over() && !end_asked_) {
      end_asked_ = tell(control::Wish::kEndNow);
    }
  }
  return {};
}

// False: the controller is gone for the moment, and the next one is to be told.
bool LaunchedRun::tell(control::Wish wish) {
  if (client_->send(control::Command{wish, 0}, kCallLimit)) return true;
  client_.reset();
  return false;
}

// Every rank says goodbye with its counters; the processes then end by themselves.
Result<void> LaunchedRun::end_cluster() {
  const auto deadline = Deadline::after(clock_, kLeavePatience);
  while (!deadline.passed(clock_)) {
    SY_ASSIGN(const auto standing, look_after(ClusterProcesses::ControllerEnd::kExpected));
    if (standing != ClusterProcesses::Standing::kRuns) break;
    if (client_ && !shutdown_asked_) shutdown_asked_ = tell(control::Wish::kShutdown);
    ask_status();
    (void)listen(kListenWait).has_value();
  }
  while (client_) {
    auto rest = client_->receive(kLastWordsWait);
    if (!rest || !*rest) break;
    SY_TRY(take(**rest));
  }
  processes_.end(kEndPatience);
  return {};
}

Result<void> LaunchedRun::report() {
  engine::JobResult result;
  engine::ClusterReport report;
  report.ranks_lost = std::max(lost_, died_.size());
  for (auto& [life, last] : died_) report.died.push_back({life.first, std::move(last)});
  for (auto& [rank, farewell] : farewells_) {
    report.ranks.push_back(std::move(farewell.report));
    if (farewell.result.stats.shape().layers == 0) continue;
    if (result.stats.shape().layers == 0) {
      result.stats = std::move(farewell.result.stats);
      result.times = farewell.result.times;
    } else {
      SY_TRY(engine::merge_result(result, std::move(farewell.result)));
    }
  }
  for (auto& [id, sequence] : results_) {
    sequence.trace = requests_.at(id).trace;
    result.sequences.push_back(std::move(sequence));
  }
  result.seconds = seconds_;
  if (!trace_out_.empty()) {
    SY_ASSIGN(const auto summary, write_trace(trace_out_, report, moments_));
    if (view_.shows()) std::fprintf(stderr, "%s\n", summary_text(trace_out_, summary).c_str());
  }
  SY_TRY(program_.conclude(std::move(result), report));
  SY_TRY(check_conserved(report));
  if (failed_.empty()) return {};
  std::string reasons;
  constexpr std::size_t kReasonsShown = 5;
  for (const auto& [id, reason] : failed_) {
    if (id == failed_.begin()->first || reasons.size() < kReasonsShown * 80) {
      reasons += fmt::format("\n  prompt {} (in input order): {}", id + 1, reason);
    }
  }
  return fail(ErrorCode::kPeer, "{} of {} requests failed:{}", failed_.size(), requests_.size(),
              reasons);
}

}  // namespace switchyard::launcher
