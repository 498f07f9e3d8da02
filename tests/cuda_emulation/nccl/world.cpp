#include "tests/cuda_emulation/nccl/world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

namespace cuda_emulation::nccl {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::uint32_t to_word(SeatState state) { return static_cast<std::uint32_t>(state); }

// A killed process stays a zombie until its parent asks for it.
bool is_zombie(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return false;
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() &&
         (text[name_end + 2] == 'Z' || text[name_end + 2] == 'X');
}

}  // namespace

std::size_t World::total_bytes(int ranks) {
  const auto pairs = static_cast<std::size_t>(ranks) * static_cast<std::size_t>(ranks);
  return kPageBytes + pairs * sizeof(Ring);
}

std::unique_ptr<World> World::open(const std::string& name, int ranks) {
  bool maker = true;
  int file = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0 && errno == EEXIST) {
    maker = false;
    file = shm_open(name.c_str(), O_RDWR, 0600);
  }
  if (file < 0) return nullptr;
  const std::size_t bytes = total_bytes(ranks);
  if (maker && ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    close(file);
    return nullptr;
  }
  struct stat made {};
  while (fstat(file, &made) == 0 && made.st_size == 0) std::this_thread::yield();
  void* memory = MAP_FAILED;
  if (static_cast<std::size_t>(made.st_size) == bytes) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  if (memory == MAP_FAILED) return nullptr;
  // Zeros are the right beginning of every field.
  auto* header = static_cast<Header*>(memory);
  if (maker) {
    header->ranks = static_cast<std::uint32_t>(ranks);
    header->ready.store(1);
  }
  while (header->ready.load() == 0) std::this_thread::yield();
  return std::unique_ptr<World>(new World(name, memory, ranks));
}

World::World(std::string name, void* memory, int ranks)
    : name_(std::move(name)),
      header_(static_cast<Header*>(memory)),
      rings_(static_cast<std::byte*>(memory) + kPageBytes),
      ranks_(ranks) {
  static_assert(sizeof(Header) <= kPageBytes);
}

World::~World() { munmap(header_, total_bytes(ranks_)); }

bool World::join(int rank) {
  std::uint32_t empty = to_word(SeatState::kEmpty);
  Seat& seat = header_->seats[rank];
  if (!seat.state.compare_exchange_strong(empty, to_word(SeatState::kJoined))) return false;
  seat.process.store(getpid());
  if (header_->joined.fetch_add(1) + 1 == header_->ranks) shm_unlink(name_.c_str());
  return true;
}

bool World::complete() const { return header_->joined.load() == header_->ranks; }

void World::set_state(int rank, SeatState state) {
  header_->seats[rank].state.store(to_word(state));
  if (!complete()) shm_unlink(name_.c_str());  // nobody will come to do it
}

SeatState World::state(int rank) const {
  return static_cast<SeatState>(header_->seats[rank].state.load());
}

bool World::alive(int rank) const {
  const pid_t process = header_->seats[rank].process.load();
  if (process == 0 || process == getpid()) return true;
  return (kill(process, 0) == 0 || errno == EPERM) && !is_zombie(process);
}

void World::set_broken() { header_->broken.store(1); }
bool World::broken() const { return header_->broken.load() != 0; }

World::Ring& World::ring(int from, int to) const {
  return reinterpret_cast<Ring*>(rings_)[from * ranks_ + to];
}

std::size_t World::write(int from, int to, const std::byte* data, std::size_t bytes) {
  Ring& into = ring(from, to);
  const std::uint64_t at = into.written.load(std::memory_order_relaxed);
  const std::size_t room = kRingBytes - (at - into.taken.load(std::memory_order_acquire));
  bytes = std::min(bytes, room);
  const std::size_t first = std::min(bytes, kRingBytes - at % kRingBytes);
  std::memcpy(into.bytes + at % kRingBytes, data, first);
  std::memcpy(into.bytes, data + first, bytes - first);
  into.written.store(at + bytes, std::memory_order_release);
  return bytes;
}

std::size_t World::read(int from, int to, std::byte* data, std::size_t bytes) {
  Ring& out_of = ring(from, to);
  const std::uint64_t at = out_of.taken.load(std::memory_order_relaxed);
  const std::size_t there = out_of.written.load(std::memory_order_acquire) - at;
  bytes = std::min(bytes, there);
  const std::size_t first = std::min(bytes, kRingBytes - at % kRingBytes);
  std::memcpy(data, out_of.bytes + at % kRingBytes, first);
  std::memcpy(data + first, out_of.bytes, bytes - first);
  out_of.taken.store(at + bytes, std::memory_order_release);
  return bytes;
}

std::uint64_t World::written(int from, int to) const { return ring(from, to).written.load(); }
std::uint64_t World::taken(int from, int to) const { return ring(from, to).taken.load(); }

}  // namespace cuda_emulation::nccl
