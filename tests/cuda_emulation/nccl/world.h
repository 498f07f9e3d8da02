// tests/cuda_emulation/nccl/world.h -- the memory that the ranks of one communicator share.
// A POSIX shared memory object named after the unique id: a seat per rank and a ring of bytes per
// ordered pair of ranks. Threads and processes use it alike. The last rank that joins removes the
// name. Members are safe to call from any rank; a ring has one writer and one reader.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace cuda_emulation::nccl {

inline constexpr int kRanksMax = 32;

// kRevoked: shrunk away from, with the transfers that were under way.
enum class SeatState : std::uint32_t { kEmpty, kJoined, kAborted, kLeft, kRevoked };

class World {
 public:
  // Opens or makes the object. Null when the object exists for another number of ranks.
  [[nodiscard]] static std::unique_ptr<World> open(const std::string& name, int ranks);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // Takes the rank's seat; false when it is taken already.
  [[nodiscard]] bool join(int rank);
  [[nodiscard]] bool complete() const;  // all ranks have joined
  void set_state(int rank, SeatState state);
  [[nodiscard]] SeatState state(int rank) const;
  // Whether the rank's process is there (true before it has joined).
  [[nodiscard]] bool alive(int rank) const;
  // One rank found that the ranks disagree; everyone may know.
  void set_broken();
  [[nodiscard]] bool broken() const;

  // Moves as many bytes as there is room for / as there are; answers how many.
  std::size_t write(int from, int to, const std::byte* data, std::size_t bytes);
  std::size_t read(int from, int to, std::byte* data, std::size_t bytes);
  // Bytes that have gone into the ring, and out of it, since the beginning.
  [[nodiscard]] std::uint64_t written(int from, int to) const;
  [[nodiscard]] std::uint64_t taken(int from, int to) const;

 private:
  static constexpr std::size_t kRingBytes = 64 * 1024;
  struct Seat {
    std::atomic<std::uint32_t> state;
    std::atomic<std::int32_t> process;
  };
  struct Header {
    std::atomic<std::uint32_t> ready;  // set by the maker when the rest may be read
    std::uint32_t ranks;
    std::atomic<std::uint32_t> joined;
    std::atomic<std::uint32_t> broken;
    Seat seats[kRanksMax];
  };
  struct Ring {
    alignas(64) std::atomic<std::uint64_t> written;
    alignas(64) std::atomic<std::uint64_t> taken;
    alignas(64) std::byte bytes[kRingBytes];
  };
  World(std::string name, void* memory, int ranks);
  [[nodiscard]] static std::size_t total_bytes(int ranks);
  [[nodiscard]] Ring& ring(int from, int to) const;

  std::string name_;
  Header* header_;
  std::byte* rings_;
  int ranks_;
};

}  // namespace cuda_emulation::nccl
