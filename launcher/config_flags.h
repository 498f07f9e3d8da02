// launcher/config_flags.h -- the flags that set configuration keys, the same for every command, and
// how they become an effective configuration.
// Thread: the main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/config/config_sources.h"

namespace switchyard::launcher {

class ConfigFlags {
 public:
  // Adds --preset, --config, --set and a flag for each common key to the command.
  void add_to(CLI::App& app);
  // As --config would.
  void use_file(std::string file) { file_ = std::move(file); }
  // Precedence: defaults, preset, file, environment, flags. Errors: config_sources.h.
  [[nodiscard]] Result<config::EffectiveConfig> resolve(
      const std::map<std::string, std::string>& environment) const;

 private:
  std::string preset_;
  std::string file_;
  std::vector<std::string> sets_;
  std::vector<config::FlagSetting> settings_;  // in the order given
};

// Where presets and the shipped models are: the source tree this binary was built from, and the
// folders beside an installed binary.
[[nodiscard]] std::vector<std::filesystem::path> preset_dirs();

}  // namespace switchyard::launcher
