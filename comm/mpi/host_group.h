// comm/mpi/host_group.h -- the ranks of this host: their doorbells in shared memory, their cores.
// MPI can only be polled; the doorbells let a rank sleep and be woken by the peer that sends to it.
// No message goes through here. Ranks of other hosts have no bell and ring() passes them over.
// Thread: the rank's thread.
#pragma once

#include <memory>
#include <vector>

#include "comm/doorbell.h"
#include "comm/idle_wait.h"
#include "comm/mpi/mpi_comm.h"
#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard::comm::mpi {

// Gives a mapping of doorbells back.
struct UnmapBells {
  std::size_t bytes = 0;
  void operator()(Doorbell* mapped) const noexcept;
};

class HostGroup {
 public:
  // Collective: yes, over `world`. Where shared memory cannot be had the ranks have no bells and
  // find their messages by looking; that is slower and no error.
  [[nodiscard]] static Result<HostGroup> form(const Comm& world);

  // Wakes a rank of this host; nothing for any other.
  void ring(RankId to) noexcept {
    if (Doorbell* bell = bells_[to.index()]) bell->ring();
  }
  [[nodiscard]] Doorbell& own() noexcept { return *own_; }
  // How a rank of this group should wait.
  [[nodiscard]] IdleWait idle_wait() const noexcept { return {core_share_, reach_}; }

 private:
  using Mapping = std::unique_ptr<Doorbell, UnmapBells>;

  HostGroup() = default;
  [[nodiscard]] static Result<Mapping> share_bells(const Comm& host);
  [[nodiscard]] static Result<CoreShare> share_cores(const Comm& host);

  Mapping mapping_;                    // [ranks of this host], or none
  std::unique_ptr<Doorbell> private_;  // the own bell where there is no mapping
  Doorbell* own_ = nullptr;
  std::vector<Doorbell*> bells_;  // [ranks of the world]; null where it cannot be rung
  CoreShare core_share_ = CoreShare::kSharedCore;
  Reach reach_ = Reach::kSomeSilent;
};

}  // namespace switchyard::comm::mpi
