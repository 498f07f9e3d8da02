// tests/cuda_emulation/nccl/transfer.h -- what one group (or one call outside of groups) moves
// between this rank and its peers.
// Every message goes with a label (what it is, how long), and the receiver compares it with what it
// was told to expect: counts and orders that differ are named instead of corrupting or hanging. A
// send is over when the receiver has taken all of it, the strictest that the real library may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/cuda_emulation/nccl/world.h"

namespace cuda_emulation::nccl {

enum class Kind : std::uint32_t { kPair, kAllToAll, kAllGather };

struct Part {
  Kind kind = Kind::kPair;
  bool sends = false;
  int peer = 0;
  std::byte* data = nullptr;  // device memory; read only when `sends`
  std::size_t bytes = 0;
  bool registered = false;  // with the communicator
};

class Transfer {
 public:
  Transfer(World& world, int rank, std::vector<Part> parts);

  // Moves what can be moved. Device memory is touched: an AccessWindow must be open.
  void advance();
  // Ends what is received from a rank as if it had all come. Device memory is touched, as above.
  void poison(int from);
  [[nodiscard]] bool done() const { return done_; }
  // What the ranks disagree about; empty when nothing. Such a transfer is never done.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  // A peer that it waits for; -1 when it waits for none.
  [[nodiscard]] int awaited_peer() const;

 private:
  struct Label {
    std::uint32_t kind = 0;
    std::uint32_t registered = 0;
    std::uint64_t bytes = 0;
  };
  struct State {
    Part part;
    std::size_t label_moved = 0;
    Label label;
    std::size_t moved = 0;
    std::uint64_t end = 0;  // of a sent message in its ring
    bool over = false;
  };
  void advance_send(State& state);
  void advance_receive(State& state);

  World& world_;
  int rank_;
  std::vector<State> states_;
  std::string complaint_;
  bool done_ = false;
};

}  // namespace cuda_emulation::nccl
