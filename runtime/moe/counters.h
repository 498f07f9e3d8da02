// runtime/moe/counters.h -- what the data plane of one rank did: the evidence for conservation
// (law 2), for the load report and for the exchange's share of the time.
// Thread safety: shared objects: unsafe (one engine thread writes and reads).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/moe/restricted_rows.h"

namespace switchyard::moe {

struct Counters {
  // Router side.
  std::uint64_t pairs_dispatched = 0;
  std::uint64_t pairs_sent_away = 0;  // of those dispatched: to another rank
  std::uint64_t pairs_answered = 0;
  std::uint64_t pairs_withdrawn = 0;  // asked again elsewhere before they were answered
  std::uint64_t pairs_masked = 0;  // of experts that no rank holds: dropped, as the operator chose
  std::uint64_t exchanges_replayed = 0;  // under a newer view
  std::uint64_t answers_late = 0;        // to an exchange that had been replayed; dropped
  std::uint64_t pairs_steered = 0;       // to another copy than the usual: a breaker was open
  std::uint64_t pairs_ramped = 0;        // ... its rank had only a part of its share yet
  std::uint64_t breakers_opened = 0;     // half-open ones that opened again included
  std::uint64_t rows_dispatched = 0;     // a row counts once per rank it goes to
  std::uint64_t exchanges = 0;
  std::uint64_t wait_ns = 0;  // a router with nothing to do but wait for answers
  // Expert side.
  std::uint64_t pairs_received = 0;
  std::uint64_t pairs_served = 0;
  std::uint64_t pairs_superseded = 0;  // received, then asked again by their router before served
  std::uint64_t batches_served = 0;    // grouped FFN calls
  std::uint64_t batch_jobs = 0;        // dispatches in them: above batches_served when batched
  std::uint64_t busy_ns = 0;           // inside expert FFNs
  // From a dispatch's arrival to its batch: the last of them, in a ring.
  static constexpr std::size_t kDelaysKept = 1024;
  std::array<std::uint32_t, kDelaysKept> queue_delay_us{};
  std::uint64_t queue_delay_count = 0;
  std::vector<std::uint64_t> expert_pairs;  // [layers * experts] served; empty where none are held
  // Messages that crossed a transport, by destination rank; a rank sends itself nothing.
  std::vector<std::uint64_t> bytes_sent;  // [ranks]
  std::vector<std::uint64_t> messages_sent;
  std::vector<std::uint64_t> pairs_sent;  // [ranks] dispatched to each other rank; sum: sent away
  std::vector<std::uint64_t> wait_us;     // [ranks] a router's waits while that rank owed an answer
  std::vector<std::uint32_t> round_trip_us;  // [ranks] shortest dispatch to answer; 0: none yet
  std::vector<std::uint64_t> restricted_rows_sent;  // [ranks] of sequences with a residency rule
  RestrictedRows restricted_rows;                   // the same, by origin and region

  explicit Counters(std::size_t ranks = 0)
      : bytes_sent(ranks),
        messages_sent(ranks),
        pairs_sent(ranks),
        wait_us(ranks),
        round_trip_us(ranks),
        restricted_rows_sent(ranks),
        restricted_rows(ranks) {}
};

}  // namespace switchyard::moe
