// tests/cuda_emulation/nccl/communicator.h -- one rank's end of a communicator, and its rules.
// All members are called with the runtime's lock held. A communicator is never freed before the
// process ends, so that a use after abort or destroy is named instead of crashing.
#pragma once

#include <nccl.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/cuda_emulation/nccl/transfer.h"
#include "tests/cuda_emulation/nccl/world.h"
#include "tests/cuda_emulation/nccl_control.h"
#include "tests/cuda_emulation/runtime/state.h"

namespace cuda_emulation::nccl {

// A test's wishes (nccl_control.h) and what is known about misuse.
struct Settings {
  PeerLoss loss = PeerLoss::kReported;
  int polls = 2;
  int version = NCCL_VERSION_CODE;
  LocalRegister local_register = LocalRegister::kOn;
  Aborts aborts = Aborts::kRun;
  std::array<ncclResult_t, kNcclPoints> fail_at{};  // ncclSuccess
  std::array<std::uint64_t, kNcclPoints> visits{};
  std::uint64_t registered_bytes_sent = 0;
  std::uint64_t aborted = 0;
  std::set<int> block_limits;
  std::string complaint;
};
[[nodiscard]] Settings& settings();
// Counts a visit; answers the error that a test wished to come there, once.
[[nodiscard]] ncclResult_t visit(NcclPoint point);

class Communicator {
 public:
  enum class Life : std::uint8_t { kJoining, kReady, kRevoked, kFinalizing, kFinalized, kGone };

  struct Options {
    std::string world;  // name of the shared memory
    int rank = 0;
    int ranks = 0;
    int device = 0;
    bool blocking = true;
  };
  // Null when the seat is taken or the shared memory is of another shape.
  [[nodiscard]] static std::shared_ptr<Communicator> open(const Options& options);

  // The asynchronous state; a poll of a call that is in progress.
  [[nodiscard]] ncclResult_t poll(State& all);
  // The same, without counting as a poll.
  [[nodiscard]] ncclResult_t status() const { return error_ != ncclSuccess ? error_ : progress_; }

  // Takes a group's parts; they go to the stream now or, when not blocking, after some polls.
  [[nodiscard]] ncclResult_t submit(State& all, const std::shared_ptr<Stream>& stream,
                                    std::vector<Part> parts);
  // Whether all that the communicator has moved so far lies in registered memory, or nothing does;
  // false, with a complaint, where these parts break it.
  [[nodiscard]] bool keeps_to_one_kind(const std::vector<Part>& parts);
  [[nodiscard]] ncclResult_t finalize();
  void abort();   // nothing of it runs any more; peers see it as lost
  void leave();   // destroyed in good order
  void revoke();  // shrunk away from, with its transfers
  void fail(ncclResult_t error, const std::string& text);
  // `child` is being made of it: polls of this one are polls of that, and when it is there, has
  // failed or is aborted with this one, its handle is put where the caller wants it; not before.
  void shrinks_to(const std::shared_ptr<Communicator>& child, ncclComm_t* where) {
    child_ = child;
    child_to_ = where;
  }

  // The name of the world of the next shrink, equal on all survivors.
  [[nodiscard]] std::string next_world(const std::vector<bool>& excluded);

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Life life() const { return life_; }
  [[nodiscard]] const std::string& last_error() const { return last_error_; }
  [[nodiscard]] bool busy() const { return outstanding_ > 0 || !waiting_.empty(); }
  [[nodiscard]] const Mark& last_mark() const { return last_mark_; }

 private:
  struct Waiting {
    std::shared_ptr<Stream> stream;
    std::vector<Part> parts;
  };
  Communicator(Options options, std::unique_ptr<World> world);
  void start(State& all, Waiting waiting);
  // Asked by the engine: true when the transfer is over or given up.
  [[nodiscard]] bool advance(State& all, Transfer& transfer);
  void watch_peers(int awaited);
  [[nodiscard]] ncclResult_t poll_child(State& all);
  void hand_over_child();

  Options options_;
  std::unique_ptr<World> world_;
  std::weak_ptr<Communicator> self_;
  std::shared_ptr<Communicator> child_;  // in the making
  ncclComm_t* child_to_ = nullptr;
  Life life_ = Life::kJoining;
  ncclResult_t error_ = ncclSuccess;        // stays
  ncclResult_t progress_ = ncclInProgress;  // of the call that is in progress
  int polls_left_ = 0;
  std::deque<Waiting> waiting_;
  int outstanding_ = 0;
  Mark last_mark_;
  int shrinks_ = 0;
  std::optional<bool> registered_;  // what it moves
  std::uint64_t looks_ = 0;
  std::string last_error_;
};

}  // namespace cuda_emulation::nccl
