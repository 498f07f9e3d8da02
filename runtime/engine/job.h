// runtime/engine/job.h -- a unit of work for all routers: sequences under one routing policy, and
// what to collect; and its result. Travels between ranks as JSON (CBOR).
// Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/engine/sequence.h"
#include "runtime/engine/step_times.h"
#include "runtime/routing/routing_stats.h"

namespace switchyard::engine {

// What a job keeps besides the sequences' results.
struct JobKeeps {
  bool logits = false;      // every row of logits that was wanted
  bool selections = false;  // every routing decision
  bool signals = false;     // compute all difficulty signals, for an observer
  bool gate_stats = false;  // the gate's entropy and auxiliary losses (one more softmax a token)
  bool sequences = true;    // the results; who passes them on as they end needs none of them again
};

struct Job {
  std::string routing = "auto";  // spec
  std::string calibration;       // JSON text of a calibration file, or empty
  JobKeeps keeps;
  std::vector<SequenceRequest> sequences;
};

// All wanted rows of one sequence, [rows, V] fp32.
struct LogitsBlock {
  SequenceId id;
  std::size_t rows = 0;
  std::vector<float> values;
};

// The decisions for one sequence: per MoE layer the k of each position and the experts, flat.
struct SelectionBlock {
  SequenceId id;
  std::vector<std::vector<std::uint32_t>> k;        // [layers][positions]
  std::vector<std::vector<std::uint32_t>> experts;  // [layers][sum of k]
};

struct JobResult {
  std::vector<SequenceResult> sequences;  // by id
  std::vector<LogitsBlock> logits;
  std::vector<SelectionBlock> selections;
  routing::RoutingStats stats;
  StepTimes times;     // the slowest router's seconds, all routers' tokens
  double seconds = 0;  // wall time of the job as its starter sees it
};

// The two that throw nlohmann::json::exception on a malformed body; the others answer with errors.
[[nodiscard]] nlohmann::json encode_request(const SequenceRequest& request);
[[nodiscard]] SequenceRequest decode_request(const nlohmann::json& body);
[[nodiscard]] nlohmann::json encode_sequence(const SequenceResult& result);
[[nodiscard]] SequenceResult decode_sequence(const nlohmann::json& body);

[[nodiscard]] nlohmann::json encode_job(const Job& job);
[[nodiscard]] Result<Job> decode_job(const nlohmann::json& body);
[[nodiscard]] nlohmann::json encode_result(const JobResult& result);
[[nodiscard]] Result<JobResult> decode_result(const nlohmann::json& body);

// Adds another router's share to `into`.
[[nodiscard]] Result<void> merge_result(JobResult& into, JobResult share);

}  // namespace switchyard::engine
