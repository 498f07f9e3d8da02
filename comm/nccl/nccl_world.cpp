// The doors of a build with NCCL.
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): setenv is POSIX

#include <algorithm>

#include "comm/nccl/nccl_transport.h"
#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

// ncclConfig_t::maxCTAs came with 2.17; non-blocking communicators are older.
constexpr int kVersionMin = 21700;
static_assert(NCCL_VERSION_CODE >= kVersionMin, "NCCL 2.17 or later is needed");

// Streams of one rank that run side by side: a lane for each rank, the device's, the copies'. More
// than the GPU has queues for would wait for each other, and that may be for ever.
constexpr std::size_t kStreamsMax = 32;
constexpr std::size_t kRanksMax = kStreamsMax - 2;

// Those that there may be: NCCL makes two more for each communicator, which it needs for the host's
// part of its work, and the device of a background load has one.
constexpr std::size_t streams_of(std::size_t ranks) { return 3 * ranks + 3; }

Result<int> library_version() {
  int version = 0;
  SY_TRY(nccl::check_nccl(ncclGetVersion(&version), "asking for the version"));
  if (version < kVersionMin) {
    return fail(ErrorCode::kUnsupported, "{} is too old; NCCL 2.17 or later is needed",
                nccl::version_text(version));
  }
  if (version / 100 < NCCL_VERSION_CODE / 100) {
    return fail(ErrorCode::kUnsupported,
                "this build was made for {} and finds {}; install as late a one",
                nccl::version_text(NCCL_VERSION_CODE), nccl::version_text(version));
  }
  return version;
}

// NCCL refuses two ranks of a host on one GPU.
Result<void> check_gpus(const Transport& base) {
  int gpus = 0;
  if (cudaGetDeviceCount(&gpus) != cudaSuccess) {
    (void)cudaGetLastError();
    gpus = 0;
  }
  const auto hosts = base.hosts();
  const auto here = std::ranges::count(hosts, hosts[base.rank().index()]);
  if (gpus < here) {
    return fail(ErrorCode::kUnsupported,
                "NCCL needs a GPU for each rank; this host has {} for {} ranks", gpus, here);
  }
  return {};
}

}  // namespace

Result<std::string> nccl_library() {
  SY_ASSIGN(const int version, library_version());
  return nccl::version_text(version);
}

Result<void> check_nccl_world(const Transport& base, GpuJudge gpus) {
  SY_TRY(library_version());
  if (base.size() > kRanksMax) {
    return fail(ErrorCode::kLimit, "exchange by NCCL among {} ranks; {} is the most", base.size(),
                kRanksMax);
  }
  if (gpus == GpuJudge::kNccl) return {};
  return check_gpus(base);
}

Result<std::unique_ptr<Transport>> make_nccl_world(std::unique_ptr<Transport> base,
                                                   const TransportLimits& limits,
                                                   const NcclOptions& options) {
  // Read when CUDA starts in this process: too late where it has been asked for a device before.
  // The command sets it first of all (launcher/gpu_environment.h).
  (void)::setenv("CUDA_DEVICE_MAX_CONNECTIONS", std::to_string(kStreamsMax).c_str(), 0);
  SY_TRY(check_nccl_world(*base, options.gpus));
  const std::size_t ranks = base->size();
  if (streams_of(ranks) > kStreamsMax && base->rank() == RankId(0)) {
    log_event(options.log, spdlog::level::warn, "lanes_share_queues",
              fmt::format("{} ranks may have {} streams on each GPU, which has {} queues at most",
                          ranks, streams_of(ranks), kStreamsMax));
  }
  return std::make_unique<nccl::NcclTransport>(std::move(base), limits, options);
}

}  // namespace switchyard::comm
