#include "runtime/config/config_print.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace switchyard::config {
namespace {

nlohmann::ordered_json typed_value(const RunConfig& config, const Key& key) {
  RunConfig copy = config;  // the accessors serve writing too
  return std::visit([&](auto access) { return nlohmann::ordered_json(access(copy)); }, key.field);
}

std::string escape_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\\');
  }
  return text;
}

}  // namespace

std::string config_table(const EffectiveConfig& config) {
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const ConfigEntry& entry : config.entries) {
    name_width = std::max(name_width, entry.key->full_name().size());
    value_width = std::max(value_width, entry.value.size());
  }
  value_width = std::min<std::size_t>(value_width, 48);
  std::string text;
  for (const ConfigEntry& entry : config.entries) {
    const std::string value = entry.value.empty() ? "-" : entry.value;
    text += fmt::format("{:<{}}  {:<{}}  {}\n", entry.key->full_name(), name_width, value,
                        value_width, entry.source);
  }
  return text;
}

std::string config_json(const EffectiveConfig& config) {
  auto keys = nlohmann::ordered_json::array();
  for (const ConfigEntry& entry : config.entries) {
    keys.push_back({{"key", entry.key->full_name()},
                    {"value", typed_value(config.run, *entry.key)},
                    {"default", typed_value(RunConfig{}, *entry.key)},
                    {"source", entry.source},
                    {"doc", entry.key->doc}});
  }
  const nlohmann::ordered_json document = {{"keys", std::move(keys)}};
  // Values may hold bytes that are no UTF-8 (paths do); they become U+FFFD instead of an exception.
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string config_markdown() {
  std::string text = "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n";
  const RunConfig defaults;
  for (const Key& key : all_keys()) {
    const std::string value = value_text(defaults, key);
    text += fmt::format(
        "| `{}` | {} | {} | {} |\n", key.full_name(), escape_cell(allowed_text(key)),
        value.empty() ? "empty" : fmt::format("`{}`", value), escape_cell(std::string(key.doc)));
  }
  return text;
}

}  // namespace switchyard::config
