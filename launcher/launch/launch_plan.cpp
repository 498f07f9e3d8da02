#include "launcher/launch/launch_plan.h"

#include <fmt/format.h>
#include <unistd.h>

namespace switchyard::launcher {
namespace {

// Every setting that is not a default, for a process that reads no file and may see another
// environment.
void add_settings(const config::EffectiveConfig& config, std::vector<std::string>& words) {
  for (const auto& entry : config.entries) {
    if (entry.source == "default") continue;
    words.insert(words.end(), {"--set", entry.key->full_name() + "=" + entry.value});
  }
}

}  // namespace

std::vector<std::string> controller_words(const LaunchFlags& flags,
                                          const config::EffectiveConfig& config,
                                          const LaunchPlaces& places) {
  std::vector<std::string> words = {places.program,  "controller",
                                    "--listen",      places.controller.host,
                                    "--port",        fmt::to_string(places.controller.port),
                                    "--run-file",    places.in("run.json"),
                                    "--secret-file", places.in("secret"),
                                    "--journal",     places.in("journal"),
                                    "--log-file",    places.in("controller.log")};
  if (places.admin) {
    words.insert(words.end(), {"--admin-listen", places.admin->host, "--admin-port",
                               fmt::to_string(places.admin->port), "--admin-token-file",
                               places.admin_token_file});
  } else {
    words.emplace_back("--no-admin");
  }
  add_settings(config, words);
  words.insert(words.end(), {"--ranks", fmt::to_string(flags.ranks), "--log-level", "info"});
  return words;
}

std::vector<std::string> late_rank_words(const LaunchFlags& flags,
                                         const config::EffectiveConfig& config,
                                         const LaunchPlaces& places, std::uint32_t slot) {
  std::vector<std::string> words = {places.program,  "rank",
                                    "--controller",  net::to_string(places.controller),
                                    "--secret-file", places.in("secret"),
                                    "--slot",        fmt::to_string(slot),
                                    "--slots",       fmt::to_string(flags.ranks)};
  add_settings(config, words);
  return words;
}

// --enable-recovery: survivors of a killed rank go on. --bind-to none: a rank's threads may use
// more than one core. Without single copy, because a receiver must never read the memory of a dead
// sender.
std::vector<std::string> mpirun_words(const LaunchFlags& flags,
                                      const config::EffectiveConfig& config,
                                      const LaunchPlaces& places) {
  std::vector<std::string> words = {
      "mpirun", "-n", fmt::to_string(flags.ranks), "--enable-recovery", "--bind-to", "none"};
  if (flags.hosts.empty()) {
    words.emplace_back("--oversubscribe");
  } else {
    words.insert(words.end(), {"--host", flags.hosts});
  }
  if (::geteuid() == 0) words.emplace_back("--allow-run-as-root");
  const auto set = [&words](const char* name, const std::string& value) {
    words.insert(words.end(), {"--mca", name, value});
  };
  set("mpi_yield_when_idle", "1");
  set("btl_vader_single_copy_mechanism", "none");
  if (!flags.transport.empty()) set("btl", flags.transport);
  words.insert(words.end(),
               {places.program, "rank", "--controller", net::to_string(places.controller),
                "--secret-file", places.in("secret")});
  add_settings(config, words);
  return words;
}

}  // namespace switchyard::launcher
