// runtime/engine/payload.h -- requests, results and last reports as the opaque bytes that travel
// over the control plane. CBOR of the same JSON that sessions exchange. Not the messages around
// them (runtime/control/messages.h). Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/engine/cluster_report.h"
#include "runtime/engine/job.h"

namespace switchyard::engine {

// What a rank leaves behind: its counters, and a router's statistics and times (no sequences).
struct Farewell {
  RankReport report;
  JobResult result;
};

[[nodiscard]] std::vector<std::byte> pack_request(const SequenceRequest& request);
[[nodiscard]] std::vector<std::byte> pack_sequence(const SequenceResult& result);
[[nodiscard]] std::vector<std::byte> pack_farewell(const Farewell& farewell);

// Errors: kPeer saying what is malformed.
[[nodiscard]] Result<SequenceRequest> unpack_request(Bytes payload);
[[nodiscard]] Result<SequenceResult> unpack_sequence(Bytes payload);
[[nodiscard]] Result<Farewell> unpack_farewell(Bytes payload);

}  // namespace switchyard::engine
