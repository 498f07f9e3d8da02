// launcher/launch/launch_plan.h -- the command lines of a launched cluster: the controller's and
// mpirun's. Pure. Not the starting (cluster_processes.h).
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/config_sources.h"
#include "runtime/net/endpoint.h"

namespace switchyard::launcher {

// What the configuration does not say.
struct LaunchFlags {
  std::uint32_t ranks = 0;  // processes, routers and spares included
  std::string hosts;        // mpirun's --host list; empty: this host
  std::string transport;    // Open MPI's byte transports, e.g. "self,tcp"; empty: its choice
  std::string directory;    // for the controller's address, logs, journal; empty: a temporary one
  std::string listen = "127.0.0.1";
  // HTTP of the controller; nullopt: none. Port 0: any free one.
  std::optional<net::Endpoint> admin = net::Endpoint{"127.0.0.1", 0};
  std::string admin_token_file;  // empty: a fresh token beside the secret
};

// Where the processes of one run find each other.
struct LaunchPlaces {
  std::string program;  // this binary
  std::string directory;
  // As asked for until it listens, then where it does: a restarted one takes the same ports.
  net::Endpoint controller;
  std::optional<net::Endpoint> admin;
  std::string admin_token_file;  // there, where `admin` is
  [[nodiscard]] std::string in(const char* name) const { return directory + "/" + name; }
};

[[nodiscard]] std::vector<std::string> controller_words(const LaunchFlags& flags,
                                                        const config::EffectiveConfig& config,
                                                        const LaunchPlaces& places);
// Of a process that comes later, to the slot of a dead one, without MPI.
[[nodiscard]] std::vector<std::string> late_rank_words(const LaunchFlags& flags,
                                                       const config::EffectiveConfig& config,
                                                       const LaunchPlaces& places,
                                                       std::uint32_t slot);
[[nodiscard]] std::vector<std::string> mpirun_words(const LaunchFlags& flags,
                                                    const config::EffectiveConfig& config,
                                                    const LaunchPlaces& places);

}  // namespace switchyard::launcher
