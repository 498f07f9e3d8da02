// runtime/config/key_table.h -- the one table of configuration keys: name, type, range, meaning,
// field. YAML, environment, flags, `switchyard config` and the tests of the documentation all read
// it, so a key exists everywhere or nowhere. Not the precedence (config_sources.h). Thread safety:
// the table is constant: shared objects safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/config/run_config.h"

namespace switchyard::config {

// How the text of a value is read. kPath is text that names a file: in a YAML file a relative path
// counts from the folder of that file, anywhere else from the working directory.
enum class KeyType { kText, kPath, kChoice, kCount, kReal, kSwitch };

// What must be there for a key to have any effect.
enum class KeyNeeds { kNothing, kLaunch };  // kLaunch: a controller, and so `switchyard launch`

// The field of RunConfig that a key sets.
using KeyField = std::variant<std::string& (*)(RunConfig&), std::uint64_t& (*)(RunConfig&),
                              double& (*)(RunConfig&), bool& (*)(RunConfig&)>;

struct Key {
  std::string_view section;  // "device"
  std::string_view name;     // "threads"
  KeyType type = KeyType::kText;
  KeyField field;
  std::string_view doc;                   // one line, no full stop at the end
  std::vector<std::string_view> choices;  // kChoice: every allowed value
  double min = 0;                         // kCount and kReal: inclusive range
  double max = 0;
  KeyNeeds needs = KeyNeeds::kNothing;

  [[nodiscard]] std::string full_name() const;         // "device.threads"
  [[nodiscard]] std::string environment_name() const;  // "SWITCHYARD_DEVICE_THREADS"
};

// Every key, grouped by section, in the order in which they are printed and documented.
[[nodiscard]] std::span<const Key> all_keys();

// The key named "section.name", or null.
[[nodiscard]] const Key* find_key(std::string_view full_name);
[[nodiscard]] bool is_section(std::string_view name);

// "device, cluster, ..." and "precision, isa, ..." for messages.
[[nodiscard]] std::string section_list();
[[nodiscard]] std::string key_list(std::string_view section);

// What a key takes, for messages and documents: "bf16 | fp32", "integer 0..1024", "true | false".
[[nodiscard]] std::string allowed_text(const Key& key);

// Reads `text` into the key's field. Errors: `code`, saying what was expected; the place of the
// text (file and line, variable, flag) is the caller's to add.
[[nodiscard]] Result<void> set_value(RunConfig& config, const Key& key, std::string_view text,
                                     ErrorCode code);

// The field as text that set_value reads back to the same value.
[[nodiscard]] std::string value_text(const RunConfig& config, const Key& key);

// A user's text for a message: quoted, at most 60 bytes, control bytes as '?'.
[[nodiscard]] std::string show_text(std::string_view text);

// The candidate with the fewest edits to `name` (Levenshtein), or "" when none is within
// `edits_max`.
[[nodiscard]] std::string nearest(std::string_view name, std::span<const std::string> candidates,
                                  std::size_t edits_max);

}  // namespace switchyard::config
