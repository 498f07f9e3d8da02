#include "tests/cuda_emulation/nccl/transfer.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace cuda_emulation::nccl {
namespace {

const char* name_of(std::uint32_t kind) {
  switch (static_cast<Kind>(kind)) {
    case Kind::kPair: return "send/recv";
    case Kind::kAllToAll: return "all-to-all";
    case Kind::kAllGather: return "all-gather";
  }
  return "unknown";
}

}  // namespace

Transfer::Transfer(World& world, int rank, std::vector<Part> parts) : world_(world), rank_(rank) {
  for (const Part& part : parts) {
    State state;
    state.part = part;
    if (part.sends)
      state.label = {static_cast<std::uint32_t>(part.kind), part.registered ? 1U : 0U, part.bytes};
    states_.push_back(state);
  }
}

// Messages between two ranks keep their order, so a part waits for those before it with its peer
// and direction.
void Transfer::advance() {
  std::array<bool, kRanksMax> sends_wait{};
  std::array<bool, kRanksMax> receives_wait{};
  bool all_over = true;
  for (State& state : states_) {
    auto& waits =
        (state.part.sends ? sends_wait : receives_wait)[static_cast<std::size_t>(state.part.peer)];
    if (!waits && !state.over && complaint_.empty()) {
      state.part.sends ? advance_send(state) : advance_receive(state);
    }
    // The next send may begin as soon as all of this one is in the ring.
    waits = waits || (!state.over && !(state.part.sends && state.end != 0));
    all_over = all_over && state.over;
  }
  done_ = all_over && complaint_.empty();
}

void Transfer::poison(int from) {
  constexpr int kPoison = 0xA5;
  bool all_over = true;
  for (State& state : states_) {
    if (!state.part.sends && state.part.peer == from && !state.over) {
      std::memset(state.part.data + state.moved, kPoison, state.part.bytes - state.moved);
      state.over = true;
    }
    all_over = all_over && state.over;
  }
  done_ = all_over && complaint_.empty();
}

void Transfer::advance_send(State& state) {
  const int to = state.part.peer;
  if (state.end == 0) {
    const auto* label = reinterpret_cast<const std::byte*>(&state.label);
    if (state.label_moved < sizeof(Label)) {
      state.label_moved +=
          world_.write(rank_, to, label + state.label_moved, sizeof(Label) - state.label_moved);
      if (state.label_moved < sizeof(Label)) return;
    }
    state.moved +=
        world_.write(rank_, to, state.part.data + state.moved, state.part.bytes - state.moved);
    if (state.moved == state.part.bytes) state.end = world_.written(rank_, to);
  }
  state.over = state.end != 0 && world_.taken(rank_, to) >= state.end;
}

void Transfer::advance_receive(State& state) {
  const int from = state.part.peer;
  auto* label = reinterpret_cast<std::byte*>(&state.label);
  if (state.label_moved < sizeof(Label)) {
    state.label_moved +=
        world_.read(from, rank_, label + state.label_moved, sizeof(Label) - state.label_moved);
    if (state.label_moved < sizeof(Label)) return;
    const auto expected = static_cast<std::uint32_t>(state.part.kind);
    if (state.label.kind != expected || state.label.bytes != state.part.bytes) {
      complaint_ = fmt::format(
          "rank {} expects {} bytes of a {} from rank {}, which sent {} of a {}", rank_,
          state.part.bytes, name_of(expected), from, state.label.bytes, name_of(state.label.kind));
      return;
    }
    if (state.part.bytes != 0 && (state.label.registered != 0) != state.part.registered) {
      complaint_ = fmt::format("of {} bytes from rank {} to rank {} one end's are registered",
                               state.part.bytes, from, rank_);
      return;
    }
  }
  state.moved +=
      world_.read(from, rank_, state.part.data + state.moved, state.part.bytes - state.moved);
  state.over = state.moved == state.part.bytes;
}

int Transfer::awaited_peer() const {
  for (const State& state : states_) {
    if (!state.over) return state.part.peer;
  }
  return -1;
}

}  // namespace cuda_emulation::nccl
