#include "runtime/config/config_sources.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>

#include "runtime/base/check.h"
#include "runtime/config/config_rules.h"
#include "runtime/config/config_yaml.h"

namespace switchyard::config {
namespace {

constexpr std::string_view kPrefix = "SWITCHYARD_";

// "; did you mean 'device.threads'?" or nothing.
std::string suggestion(std::string_view name, std::string (Key::*name_of)() const) {
  std::vector<std::string> names;
  for (const Key& key : all_keys()) names.push_back((key.*name_of)());
  const std::string best = nearest(name, names, 1 + name.size() / 3);
  return best.empty() ? "" : fmt::format("; did you mean '{}'?", best);
}

void remember(EffectiveConfig& config, const Key& key, std::string source) {
  ConfigEntry& entry = config.entries[static_cast<std::size_t>(&key - all_keys().data())];
  SY_CHECK(entry.key == &key, "entries are in table order");
  entry.source = std::move(source);
}

// Applies a preset or a file. `label` replaces the place as the source of a preset's values.
Result<void> apply_yaml(EffectiveConfig& config, const std::filesystem::path& path,
                        const std::string& label) {
  SY_ASSIGN(const auto settings, read_yaml_file(path));
  for (const YamlSetting& setting : settings) {
    auto outcome = set_value(config.run, *setting.key, setting.text, ErrorCode::kConfig);
    if (!outcome) return with_place(std::move(outcome).error(), setting.place);
    remember(config, *setting.key, label.empty() ? setting.place : label);
  }
  return {};
}

Result<std::filesystem::path> find_preset(const ConfigRequest& request) {
  const auto names = preset_names(request.preset_dirs);
  // Only listed names are opened, so a preset cannot lead out of its folder.
  if (std::ranges::find(names, request.preset) != names.end()) {
    for (const auto& dir : request.preset_dirs) {
      const auto path = dir / (request.preset + ".yaml");
      std::error_code error;
      if (std::filesystem::is_regular_file(path, error)) return path;
    }
  }
  return fail(ErrorCode::kUsage, "no preset {}; there are: {}", show_text(request.preset),
              names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// The key whose section or last part a variable's name is: "THREADS" of device.threads, "MODEL" of
// model.path, or null.
const Key* half_named(std::string_view name) {
  const auto part = [name](std::string_view Key::*half) {
    const auto found =
        std::ranges::find_if(all_keys(), [&](const Key& key) { return name == upper(key.*half); });
    return found == all_keys().end() ? nullptr : &*found;
  };
  const Key* key = part(&Key::name);
  return key != nullptr ? key : part(&Key::section);
}

// Whether a variable that is no key was meant as one: it names a section or a key's last part, or
// is nearly a key. Others are left alone: scripts may use the prefix for purposes of their own.
bool looks_like_key(std::string_view name) {
  std::vector<std::string> names;
  for (const Key& key : all_keys()) {
    const std::string full = key.environment_name();
    if (name.starts_with(full.substr(0, kPrefix.size() + key.section.size() + 1))) return true;
    names.push_back(full);
  }
  return !nearest(name, names, 2).empty();
}

Result<void> apply_environment(EffectiveConfig& config,
                               const std::map<std::string, std::string>& environment) {
  for (const Key& key : all_keys()) {
    const std::string name = key.environment_name();
    const auto variable = environment.find(name);
    if (variable == environment.end()) continue;
    auto outcome = set_value(config.run, key, variable->second, ErrorCode::kConfig);
    if (!outcome) return with_place(std::move(outcome).error(), name);
    remember(config, key, name);
  }
  for (const auto& variable : environment) {
    const std::string& name = variable.first;
    if (!name.starts_with(kPrefix)) continue;
    const bool known = std::ranges::any_of(
        all_keys(), [&](const Key& key) { return key.environment_name() == name; });
    const Key* half = known ? nullptr : half_named(std::string_view(name).substr(kPrefix.size()));
    if (half != nullptr) {
      return fail(ErrorCode::kConfig, "environment variable {} is no key; did you mean '{}'?",
                  show_text(name), half->environment_name());
    }
    if (!known && looks_like_key(name)) {
      return fail(ErrorCode::kConfig, "environment variable {} is no key{}", show_text(name),
                  suggestion(name, &Key::environment_name));
    }
  }
  return {};
}

Result<void> apply_flags(EffectiveConfig& config, const std::vector<FlagSetting>& flags) {
  for (const FlagSetting& flag : flags) {
    const Key* key = find_key(flag.key);
    if (key == nullptr) {
      return fail(ErrorCode::kUsage, "{}: no key {}{}", flag.flag, show_text(flag.key),
                  suggestion(flag.key, &Key::full_name));
    }
    auto outcome = set_value(config.run, *key, flag.text, ErrorCode::kUsage);
    if (!outcome) return with_place(std::move(outcome).error(), flag.flag);
    remember(config, *key, flag.flag);
  }
  return {};
}

}  // namespace

const ConfigEntry& EffectiveConfig::entry(std::string_view full_name) const {
  const Key* key = find_key(full_name);
  SY_CHECK(key != nullptr, "no key {}", full_name);
  const auto index = static_cast<std::size_t>(key - all_keys().data());
  SY_CHECK(index < entries.size(), "entry {} of {}", index, entries.size());
  return entries[index];
}

std::string EffectiveConfig::blame(std::string_view full_name) const {
  return fmt::format("{} ({})", full_name, entry(full_name).source);
}

Result<EffectiveConfig> load_config(const ConfigRequest& request) {
  EffectiveConfig config;
  for (const Key& key : all_keys()) config.entries.push_back({&key, "", "default"});
  if (!request.preset.empty()) {
    SY_ASSIGN(const auto path, find_preset(request));
    SY_TRY(apply_yaml(config, path, "preset " + request.preset));
  }
  if (!request.file.empty()) SY_TRY(apply_yaml(config, request.file, ""));
  SY_TRY(apply_environment(config, request.environment));
  SY_TRY(apply_flags(config, request.flags));
  for (ConfigEntry& entry : config.entries) entry.value = value_text(config.run, *entry.key);
  SY_TRY(check_rules(config));
  return config;
}

Result<FlagSetting> parse_set_flag(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(ErrorCode::kUsage, "--set {}: expected section.key=value", show_text(text));
  }
  return FlagSetting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)),
                     "--set"};
}

std::vector<std::string> preset_names(const std::vector<std::filesystem::path>& preset_dirs) {
  std::set<std::string> names;
  for (const auto& dir : preset_dirs) {
    std::error_code error;
    for (std::filesystem::directory_iterator file(dir, error), end; !error && file != end;
         file.increment(error)) {
      if (file->path().extension() == ".yaml") names.insert(file->path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace switchyard::config
