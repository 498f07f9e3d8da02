// tests/cuda_emulation/runtime/stream.h -- streams, events and the pieces of work between them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "tests/cuda_emulation/api/streams.h"
#include "tests/cuda_emulation/runtime/fault.h"

namespace cuda_emulation {

struct Stream;

// A place in a stream: it is reached when the stream has completed `count` pieces of work.
struct Mark {
  std::shared_ptr<Stream> stream;  // null: reached at once
  std::uint64_t count = 0;
  [[nodiscard]] bool reached() const;
};

struct Work {
  std::function<MaybeFault()> run;
  std::vector<Mark> needs;      // marks in other streams
  std::function<bool()> ready;  // empty: ready when the marks are; else also asked (peers)
};

struct Stream {
  int device = 0;
  unsigned int flags = cudaStreamDefault;
  int priority = 0;
  std::uint32_t number = 0;
  std::deque<Work> queue;
  std::uint64_t enqueued = 0;
  std::uint64_t completed = 0;
  [[nodiscard]] bool idle() const { return queue.empty(); }
};

inline bool Mark::reached() const { return stream == nullptr || stream->completed >= count; }

struct Event {
  int device = 0;
  unsigned int flags = cudaEventDefault;
  Mark mark;  // of the last record
  bool recorded = false;
  // Of this recording: what was queued in all when a query found it not ready (times: 1), and that
  // it has been counted as waited for (2).
  struct Waiting {
    std::uint64_t queued = 0;
    int times = 0;
    bool operator==(const Waiting&) const = default;
  };
  Waiting found_waiting;
  // When the recorded place was passed; shared with the work that notes it.
  std::shared_ptr<double> passed_ms = std::make_shared<double>(-1);
};

}  // namespace cuda_emulation
