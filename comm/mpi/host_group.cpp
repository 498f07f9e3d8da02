#include "comm/mpi/host_group.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <new>

#include "comm/mpi/mpi_error.h"

namespace switchyard::comm::mpi {
namespace {

using SharedName = std::array<char, 64>;  // empty: the leader could not make it

class FileHandle {
 public:
  explicit FileHandle(int handle) : handle_(handle) {}
  ~FileHandle() {
    if (handle_ >= 0) ::close(handle_);
  }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  [[nodiscard]] int get() const noexcept { return handle_; }

 private:
  int handle_;
};

// New zeroed shared memory; zero bytes are a Doorbell that nobody has rung.
SharedName make_shared_memory(std::size_t bytes) {
  SharedName name{};
  fmt::format_to_n(name.data(), name.size() - 1, "/switchyard-bells-{}-{:08x}", ::getpid(),
                   std::chrono::steady_clock::now().time_since_epoch().count());
  const FileHandle file(::shm_open(name.data(), O_RDWR | O_CREAT | O_EXCL, 0600));
  if (file.get() < 0) return SharedName{};
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    ::shm_unlink(name.data());
    return SharedName{};
  }
  return name;
}

void* map_shared_memory(const SharedName& name, std::size_t bytes) {
  if (name[0] == '\0') return nullptr;
  const FileHandle file(::shm_open(name.data(), O_RDWR, 0));
  if (file.get() < 0) return nullptr;
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace

void UnmapBells::operator()(Doorbell* mapped) const noexcept { ::munmap(mapped, bytes); }

Result<HostGroup::Mapping> HostGroup::share_bells(const Comm& host) {
  const std::size_t bytes = host.size() * sizeof(Doorbell);
  SharedName name{};
  if (host.rank() == 0) name = make_shared_memory(bytes);
  SY_TRY(check(MPI_Bcast(name.data(), static_cast<int>(name.size()), MPI_CHAR, 0, host.get()),
               "MPI_Bcast"));
  Mapping mapping(static_cast<Doorbell*>(map_shared_memory(name, bytes)), UnmapBells{bytes});
  // All or none: a rank without the mapping could not ring the others. The reduction also tells the
  // leader that everyone has opened the file, whose name can go.
  int mapped = mapping != nullptr ? 1 : 0;
  const auto agreed =
      check(MPI_Allreduce(MPI_IN_PLACE, &mapped, 1, MPI_INT, MPI_MIN, host.get()), "MPI_Allreduce");
  if (host.rank() == 0 && name[0] != '\0') ::shm_unlink(name.data());
  SY_TRY(agreed);
  if (mapped == 0) mapping.reset();
  return mapping;
}

Result<CoreShare> HostGroup::share_cores(const Comm& host) {
  // mpirun binds each rank to a core of its own where it can; so the cores of the host's ranks
  // together are what counts, and not those of this one.
  cpu_set_t cores;
  CPU_ZERO(&cores);
  ::sched_getaffinity(0, sizeof cores, &cores);
  cpu_set_t all = cores;
  SY_TRY(check(MPI_Allreduce(&cores, &all, sizeof cores, MPI_BYTE, MPI_BOR, host.get()),
               "MPI_Allreduce"));
  return host.size() <= static_cast<std::size_t>(CPU_COUNT(&all)) ? CoreShare::kOwnCore
                                                                  : CoreShare::kSharedCore;
}

Result<HostGroup> HostGroup::form(const Comm& world) {
  HostGroup group;
  SY_ASSIGN(const Comm host, Comm::of_this_host(world.get()));
  SY_ASSIGN(group.core_share_, share_cores(host));
  SY_ASSIGN(group.mapping_, share_bells(host));
  group.bells_.resize(world.size(), nullptr);
  if (group.mapping_ == nullptr) {
    group.private_ = std::make_unique<Doorbell>();
    group.own_ = group.private_.get();
    return group;
  }
  std::vector<int> world_ranks(host.size());
  const int own_world_rank = static_cast<int>(world.rank());
  SY_TRY(
      check(MPI_Allgather(&own_world_rank, 1, MPI_INT, world_ranks.data(), 1, MPI_INT, host.get()),
            "MPI_Allgather"));
  for (std::size_t i = 0; i < host.size(); ++i) {
    group.bells_[static_cast<std::size_t>(world_ranks[i])] = group.mapping_.get() + i;
  }
  group.own_ = group.bells_[world.rank()];
  group.reach_ = host.size() == world.size() ? Reach::kAllRing : Reach::kSomeSilent;
  return group;
}

}  // namespace switchyard::comm::mpi
