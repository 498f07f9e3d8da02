#include "launcher/timeline/rank_rows.h"

#include <fmt/ranges.h>

#include <cstring>
#include <span>

#include "runtime/base/trace_context.h"
#include "runtime/engine/sequence.h"

namespace switchyard::launcher {
namespace {

// Rows of a rank, in the order in which they are shown.
constexpr std::uint64_t kEngineRow = 0;
constexpr std::uint64_t kViewsRow = 1;
constexpr std::uint64_t kMicroBatchRows = 10;
constexpr std::uint64_t kLegRows = 1'000;  // + peer * kMicroBatchesMax + micro-batch
constexpr std::uint64_t kJobRows = 1'000'000'000;
constexpr std::uint64_t kMicroBatchesMax = 256;

std::uint64_t pair_row(std::uint64_t first, const Span& span) {
  return first + std::uint64_t{span.peer()} * kMicroBatchesMax + span.micro_batch;
}

std::string_view word(std::uint32_t end) {
  switch (static_cast<ExchangeEnd>(end)) {
    case ExchangeEnd::kAnswered: return "answered";
    case ExchangeEnd::kWithdrawn: return "withdrawn";
    case ExchangeEnd::kRefused: return "refused";
  }
  return "unknown";
}

// Without braces, so that more can follow.
std::string place_args(const Span& span) {
  return fmt::format(R"("epoch":{},"step":{},"layer":{},"micro_batch":{})", span.epoch, span.step,
                     span.layer, span.micro_batch);
}

std::string row_args(const Span& span) {
  return fmt::format(R"({},"rows":{},"pairs":{})", place_args(span), span.rows(), span.pairs());
}

std::string flow_id(const Span& span, std::uint32_t router, std::uint32_t peer) {
  return fmt::format("{}-{}-{}-{}-{}-{}", router, peer, span.epoch, span.step, span.layer,
                     span.micro_batch);
}

// "3":12,"7":4 from the records that follow a batch's.
std::string experts_text(std::span<const Span> rest) {
  std::map<std::uint32_t, std::uint64_t> pairs;
  for (const Span& span : rest) {
    if (span.kind != SpanKind::kExperts) break;
    for (const std::uint32_t entry : span.data) {
      const std::uint32_t count = entry & ((std::uint32_t{1} << kExpertPairBits) - 1);
      if (count != 0) pairs[entry >> kExpertPairBits] += count;
    }
  }
  std::string text;
  for (const auto& [expert, count] : pairs) {
    text += fmt::format(R"({}"{}":{})", text.empty() ? "" : ",", expert, count);
  }
  return text;
}

}  // namespace

RankRows::Exchange RankRows::exchange_of(const Span& span) {
  return {span.epoch, span.step, span.layer, span.micro_batch};
}

void RankRows::complete(std::uint64_t thread, std::string_view name, const Span& span,
                        const std::string& args) {
  file_.complete({rank_.rank.value(), thread}, name, begin_ns(span), end_ns(span), args);
}

void RankRows::write() {
  const auto& spans = rank_.timeline->spans;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const bool batch = spans[i].kind == SpanKind::kServe;
    write_span(spans[i], batch ? experts_text(std::span(spans).subspan(i + 1)) : std::string());
  }
  name_rows();
}

void RankRows::write_span(const Span& span, const std::string& experts) {
  const std::string place = place_args(span);
  threads_[kEngineRow] = "engine";
  switch (span.kind) {
    case SpanKind::kStep:
      return complete(
          kEngineRow, "step", span,
          fmt::format(R"({{"epoch":{},"step":{},"rows":{},"sequences":{},"prompt":{}}})",
                      span.epoch, span.step, span.rows(), span.count(), span.extra() == 1));
    case SpanKind::kAttend:
      return complete(kEngineRow, "attend", span,
                      fmt::format(R"({{{},"rows":{}}})", place, span.rows()));
    case SpanKind::kDispatch:
      return complete(kEngineRow, "dispatch", span,
                      fmt::format(R"({{{},"peers":{}}})", row_args(span), span.count()));
    case SpanKind::kWait: return complete(kEngineRow, "wait", span, "{" + place + "}");
    case SpanKind::kCombine: return complete(kEngineRow, "combine", span, "{" + place + "}");
    case SpanKind::kHead:
      return complete(kEngineRow, "head", span,
                      fmt::format(R"({{"step":{},"rows":{}}})", span.step, span.rows()));
    case SpanKind::kServe:
      return complete(
          kEngineRow, "serve", span,
          fmt::format(R"({{"epoch":{},"layer":{},"jobs":{},"rows":{},"pairs":{},)"
                      R"("experts":{{{}}}}})",
                      span.epoch, span.layer, span.count(), span.rows(), span.pairs(), experts));
    case SpanKind::kExperts: return;  // with their batch
    case SpanKind::kExchange: return write_exchange(span);
    case SpanKind::kLeg: return write_leg(span);
    case SpanKind::kJob: return write_job(span);
    case SpanKind::kRequest: return write_request(span);
    case SpanKind::kPrepare:
      threads_[kViewsRow] = "views";
      return complete(kViewsRow, "prepare", span, fmt::format(R"({{"epoch":{}}})", span.epoch));
    case SpanKind::kView:
      return file_.instant({rank_.rank.value(), kEngineRow}, TraceFile::Scope::kProcess, "view",
                           begin_ns(span),
                           fmt::format(R"({{"epoch":{},"members":{}}})", span.epoch, span.count()));
  }
}

void RankRows::write_leg(const Span& span) {
  const std::uint64_t thread = pair_row(kLegRows, span);
  threads_[thread] = fmt::format("to rank {}, micro-batch {}", span.peer(), span.micro_batch);
  peers_[exchange_of(span)].push_back(span.peer());
  complete(thread, "leg", span,
           fmt::format(R"({{{},"peer":{},"end":"{}"}})", row_args(span), span.peer(),
                       word(span.extra())));
  file_.flow({rank_.rank.value(), thread}, TraceFile::FlowEnd::kFrom,
             flow_id(span, rank_.rank.value(), span.peer()), begin_ns(span));
}

void RankRows::write_exchange(const Span& span) {
  const std::uint64_t thread = kMicroBatchRows + span.micro_batch;
  threads_[thread] = fmt::format("micro-batch {}", span.micro_batch);
  auto peers = peers_.extract(exchange_of(span));
  const std::vector<std::uint32_t> none;
  complete(thread, "exchange", span,
           fmt::format(R"({{{},"peers":[{}],"end":"{}"}})", row_args(span),
                       fmt::join(peers.empty() ? none : peers.mapped(), ","), word(span.extra())));
}

void RankRows::write_job(const Span& span) {
  const std::uint64_t thread = pair_row(kJobRows, span);
  threads_[thread] = fmt::format("from rank {}, micro-batch {}", span.peer(), span.micro_batch);
  complete(thread, "job", span, fmt::format(R"({{{},"router":{}}})", row_args(span), span.peer()));
  file_.flow({rank_.rank.value(), thread}, TraceFile::FlowEnd::kTo,
             flow_id(span, span.peer(), rank_.rank.value()), begin_ns(span));
}

void RankRows::write_request(const Span& span) {
  TraceContext trace;
  std::memcpy(trace.trace_id.data(), &span.data[4], trace.trace_id.size());
  file_.async({rank_.rank.value(), kEngineRow}, "request",
              fmt::format("{}-{}", rank_.rank.value(), span.data[0]), "request", begin_ns(span),
              end_ns(span),
              fmt::format(R"({{"request":{},"trace_id":"{}","prompt_tokens":{},"tokens":{},)"
                          R"("finish_reason":"{}","epoch":{}}})",
                          span.data[0], trace.trace_id_text(), span.data[1], span.data[2],
                          to_string(static_cast<engine::FinishReason>(span.data[3])), span.epoch));
}

void RankRows::name_rows() {
  const char* role = rank_.router ? (rank_.expert ? "router+expert" : "router")
                                  : (rank_.expert ? "expert" : "spare");
  file_.name_process(rank_.rank.value(),
                     fmt::format("rank {} ({}, {})", rank_.rank.value(), role, rank_.host));
  for (const auto& [thread, name] : threads_) {
    file_.name_thread({rank_.rank.value(), thread}, name);
  }
}

}  // namespace switchyard::launcher
