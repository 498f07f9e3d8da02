#include "runtime/engine/job.h"

#include <algorithm>

namespace switchyard::engine {

using nlohmann::json;

json encode_request(const SequenceRequest& request) {
  return {{"id", request.id.value()},
          {"tokens", request.tokens},
          {"all", request.wanted == LogitsWanted::kAll},
          {"max_tokens", request.max_tokens},
          {"temperature", request.sampling.temperature},
          {"top_k", request.sampling.top_k},
          {"top_p", request.sampling.top_p},
          {"seed", request.seed},
          {"stop", request.stop_tokens},
          {"targets", request.targets},
          {"arrival_ns", request.arrival.count()},
          {"traceparent", request.trace.text()}};
}

SequenceRequest decode_request(const json& body) {
  SequenceRequest request;
  request.id = SequenceId(body.at("id").get<std::uint32_t>());
  request.tokens = body.at("tokens").get<std::vector<std::uint32_t>>();
  request.wanted = body.at("all").get<bool>() ? LogitsWanted::kAll : LogitsWanted::kLast;
  request.max_tokens = body.at("max_tokens").get<std::uint32_t>();
  request.sampling.temperature = body.at("temperature").get<double>();
  request.sampling.top_k = body.at("top_k").get<std::uint32_t>();
  request.sampling.top_p = body.at("top_p").get<double>();
  request.seed = body.at("seed").get<std::uint64_t>();
  request.stop_tokens = body.at("stop").get<std::vector<std::uint32_t>>();
  request.targets = body.at("targets").get<std::vector<std::uint32_t>>();
  request.arrival = Duration(body.value("arrival_ns", Duration::rep{0}));
  // Made by a launcher that has checked it; anything else is as good as none.
  const auto trace = parse_trace_parent(body.value("traceparent", std::string()));
  if (trace) request.trace = *trace;
  return request;
}

json encode_sequence(const SequenceResult& result) {
  return {{"id", result.id.value()},
          {"prompt_tokens", result.prompt_tokens},
          {"tokens", result.tokens},
          {"finish", static_cast<int>(result.finish)},
          {"digest", {result.digest_high, result.digest_low}},
          {"nll", result.nll}};
}

SequenceResult decode_sequence(const json& body) {
  SequenceResult result;
  result.id = SequenceId(body.at("id").get<std::uint32_t>());
  result.prompt_tokens = body.at("prompt_tokens").get<std::uint32_t>();
  result.tokens = body.at("tokens").get<std::vector<std::uint32_t>>();
  result.finish = static_cast<FinishReason>(body.at("finish").get<int>());
  result.digest_high = body.at("digest").at(0).get<std::uint64_t>();
  result.digest_low = body.at("digest").at(1).get<std::uint64_t>();
  result.nll = body.at("nll").get<double>();
  return result;
}

namespace {

json encode_logits(const LogitsBlock& block) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(block.values.data());
  return {{"id", block.id.value()},
          {"rows", block.rows},
          {"values", json::binary({begin, begin + block.values.size() * sizeof(float)})}};
}

LogitsBlock decode_logits(const json& body) {
  LogitsBlock block;
  block.id = SequenceId(body.at("id").get<std::uint32_t>());
  block.rows = body.at("rows").get<std::size_t>();
  const auto& bytes = body.at("values").get_binary();
  block.values.resize(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), block.values.size() * sizeof(float),
              reinterpret_cast<std::uint8_t*>(block.values.data()));
  return block;
}

json encode_selections(const SelectionBlock& block) {
  return {{"id", block.id.value()}, {"k", block.k}, {"experts", block.experts}};
}

SelectionBlock decode_selections(const json& body) {
  SelectionBlock block;
  block.id = SequenceId(body.at("id").get<std::uint32_t>());
  body.at("k").get_to(block.k);
  body.at("experts").get_to(block.experts);
  return block;
}

json encode_stats(const routing::RoutingStats& stats) {
  return {{"layers", stats.shape().layers},
          {"experts", stats.shape().experts},
          {"k_max", stats.shape().k_max},
          {"sigmoid", stats.shape().scoring == routing::Scoring::kSigmoid},
          {"counts", stats.counts()},
          {"sums", stats.sums()}};
}

Result<routing::RoutingStats> decode_stats(const json& body) {
  routing::RoutingStats::Shape shape;
  shape.layers = body.at("layers").get<std::size_t>();
  shape.experts = body.at("experts").get<std::size_t>();
  shape.k_max = body.at("k_max").get<std::size_t>();
  shape.scoring =
      body.at("sigmoid").get<bool>() ? routing::Scoring::kSigmoid : routing::Scoring::kSoftmax;
  routing::RoutingStats stats(shape);
  SY_TRY(stats.merge(body.at("counts").get<std::vector<std::uint64_t>>(),
                     body.at("sums").get<std::vector<double>>()));
  return stats;
}

template <class T, class Encode>
json encode_list(const std::vector<T>& items, Encode encode) {
  json list = json::array();
  for (const auto& item : items) list.push_back(encode(item));
  return list;
}

template <class T, class Decode>
void decode_list(const json& list, std::vector<T>& items, Decode decode) {
  for (const auto& item : list) items.push_back(decode(item));
}

}  // namespace

json encode_job(const Job& job) {
  return {{"kind", "job"},
          {"routing", job.routing},
          {"calibration", job.calibration},
          {"keep_logits", job.keeps.logits},
          {"keep_selections", job.keeps.selections},
          {"keep_signals", job.keeps.signals},
          {"keep_gate_stats", job.keeps.gate_stats},
          {"sequences", encode_list(job.sequences, encode_request)}};
}

Result<Job> decode_job(const json& body) {
  try {
    Job job;
    job.routing = body.at("routing").get<std::string>();
    job.calibration = body.at("calibration").get<std::string>();
    job.keeps.logits = body.at("keep_logits").get<bool>();
    job.keeps.selections = body.at("keep_selections").get<bool>();
    job.keeps.signals = body.at("keep_signals").get<bool>();
    job.keeps.gate_stats = body.at("keep_gate_stats").get<bool>();
    decode_list(body.at("sequences"), job.sequences, decode_request);
    return job;
  } catch (const json::exception& error) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed job: {}", error.what());
  }
}

json encode_result(const JobResult& result) {
  return {{"kind", "result"},
          {"sequences", encode_list(result.sequences, encode_sequence)},
          {"logits", encode_list(result.logits, encode_logits)},
          {"selections", encode_list(result.selections, encode_selections)},
          {"stats", encode_stats(result.stats)},
          {"prompt_seconds", result.times.prompt_seconds},
          {"decode_seconds", result.times.decode_seconds},
          {"prompt_tokens", result.times.prompt_tokens},
          {"decode_tokens", result.times.decode_tokens},
          {"steps", result.times.steps}};
}

Result<JobResult> decode_result(const json& body) {
  try {
    JobResult result;
    decode_list(body.at("sequences"), result.sequences, decode_sequence);
    decode_list(body.at("logits"), result.logits, decode_logits);
    decode_list(body.at("selections"), result.selections, decode_selections);
    SY_ASSIGN(result.stats, decode_stats(body.at("stats")));
    result.times.prompt_seconds = body.at("prompt_seconds").get<double>();
    result.times.decode_seconds = body.at("decode_seconds").get<double>();
    result.times.prompt_tokens = body.at("prompt_tokens").get<std::uint64_t>();
    result.times.decode_tokens = body.at("decode_tokens").get<std::uint64_t>();
    result.times.steps = body.at("steps").get<std::uint64_t>();
    return result;
  } catch (const json::exception& error) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed result: {}", error.what());
  }
}

Result<void> merge_result(JobResult& into, JobResult share) {
  const auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    std::sort(to.begin(), to.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  };
  append(into.sequences, share.sequences);
  append(into.logits, share.logits);
  append(into.selections, share.selections);
  into.times.prompt_seconds = std::max(into.times.prompt_seconds, share.times.prompt_seconds);
  into.times.decode_seconds = std::max(into.times.decode_seconds, share.times.decode_seconds);
  into.times.prompt_tokens += share.times.prompt_tokens;
  into.times.decode_tokens += share.times.decode_tokens;
  into.times.steps = std::max(into.times.steps, share.times.steps);
  return into.stats.merge(share.stats.counts(), share.stats.sums());
}

}  // namespace switchyard::engine
