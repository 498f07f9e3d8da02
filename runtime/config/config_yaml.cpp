#include "runtime/config/config_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace switchyard::config {
namespace {

// Receives the events of the parser. No tree is built, so neither aliases nor nesting can cost
// memory. After the first error the rest is ignored.
class SettingsHandler final : public YAML::EventHandler {
 public:
  explicit SettingsHandler(std::string_view name) : name_(name) {}

  [[nodiscard]] std::optional<Error>& error() { return error_; }
  [[nodiscard]] std::vector<YamlSetting>& settings() { return settings_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not used here");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    refuse(mark, fmt::format("a list where {} was expected", expected()));
    ++depth_;
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapEnd() override { --depth_; }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_plain(mark, tag, anchor);
    const bool fits = depth_ == 0 || (depth_ == 1 && in_value_);
    if (!fits) refuse(mark, fmt::format("a map where {} was expected", expected()));
    in_value_ = false;
    ++depth_;
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (depth_ == 0) return;  // an empty document sets nothing
    check_plain(mark, "", anchor);
    if (error_) return;              // no key may be known: a refused list can hold a null
    if (depth_ == 1 && in_value_) {  // a section with all its keys commented out
      in_value_ = false;
      return;
    }
    refuse(mark, in_value_ ? fmt::format("'{}.{}' has no value", section_, key_->name)
                           : std::string("a key has no name"));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quotes = tag == "!";
    check_plain(mark, quotes ? "" : tag, anchor);
    if (depth_ == 0 || (depth_ == 1 && in_value_)) {
      refuse(mark, fmt::format("text {} where {} was expected", show_text(value), expected()));
    }
    if (error_) return;
    if (in_value_) {
      take_value(mark, value, quotes);
    } else if (depth_ == 1) {
      take_section(mark, value);
    } else {
      take_key(mark, value);
    }
  }

 private:
  [[nodiscard]] std::string place(const YAML::Mark& mark) const {
    return fmt::format("{}:{}", name_, mark.line + 1);
  }

  [[nodiscard]] std::string expected() const {
    if (depth_ == 0) return "sections (" + section_list() + ")";
    if (depth_ == 1) return in_value_ ? "the keys of a section" : "the name of a section";
    return in_value_ ? "one value" : "the name of a key";
  }

  void refuse(const YAML::Mark& mark, std::string_view what) {
    if (error_) return;
    error_ =
        Error{ErrorCode::kConfig, ErrorScope::kOperation, fmt::format("{}: {}", place(mark), what)};
  }

  void check_plain(const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(mark, "anchors (&name) are not used here");
    if (!tag.empty() && tag != "?")
      refuse(mark, fmt::format("the tag {} is not used here", show_text(tag)));
  }

  void take_section(const YAML::Mark& mark, const std::string& name) {
    if (!is_section(name)) {
      refuse(mark, fmt::format("unknown section {}; known: {}", show_text(name), section_list()));
    } else if (std::ranges::find(sections_, name) != sections_.end()) {
      refuse(mark, fmt::format("section '{}' appears twice", name));
    }
    section_ = name;
    sections_.push_back(name);
    in_value_ = true;
  }

  void take_key(const YAML::Mark& mark, const std::string& name) {
    key_ = find_key(section_ + "." + name);
    if (key_ == nullptr) {
      refuse(mark, fmt::format("unknown key {} in section '{}'; known: {}", show_text(name),
                               section_, key_list(section_)));
      return;
    }
    for (const YamlSetting& earlier : settings_) {
      if (earlier.key == key_) {
        refuse(mark, fmt::format("key '{}' of section '{}' appears twice, first at {}", name,
                                 section_, earlier.place));
      }
    }
    in_value_ = true;
  }

  void take_value(const YAML::Mark& mark, const std::string& value, bool quotes) {
    const KeyType type = key_->type;
    const bool number = type == KeyType::kCount || type == KeyType::kReal;
    if (quotes && (number || type == KeyType::kSwitch)) {
      refuse(mark, fmt::format("{} is the text {} in quotes, expected {}", key_->full_name(),
                               show_text(value), allowed_text(*key_)));
      return;
    }
    // yaml-cpp takes a quoted text that is never closed up to the end of the file; the line break
    // before that end has become a space.
    if (quotes && (value.starts_with(' ') || value.ends_with(' '))) {
      refuse(mark, fmt::format("{} is {}: a space at an end; is a quote left open?",
                               key_->full_name(), show_text(value)));
      return;
    }
    settings_.push_back({key_, value, place(mark)});
    in_value_ = false;
  }

  std::string name_;
  std::string section_;
  std::vector<std::string> sections_;
  const Key* key_ = nullptr;
  int depth_ = 0;          // maps and lists that are open
  bool in_value_ = false;  // a name was read, its value comes next
  std::vector<YamlSetting> settings_;
  std::optional<Error> error_;
};

// The parser stops by exceptions; they end here.
Result<void> run_parser(std::string_view text, std::string_view name, SettingsHandler& handler) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(handler) && !handler.error() &&
        parser.HandleNextDocument(handler) && !handler.error()) {
      return fail(ErrorCode::kConfig, "{}: a second document; one is expected", name);
    }
  } catch (const YAML::Exception& exception) {
    if (handler.error()) return {};  // the earlier and clearer message
    return fail(ErrorCode::kConfig, "{}:{}: not YAML: {}", name, exception.mark.line + 1,
                exception.msg);
  } catch (const std::exception& exception) {
    return fail(ErrorCode::kConfig, "{}: not readable as YAML: {}", name, exception.what());
  }
  return {};
}

}  // namespace

Result<std::vector<YamlSetting>> parse_yaml(std::string_view text, std::string_view name) {
  if (text.size() > kYamlBytesMax) {
    return fail(ErrorCode::kLimit, "{}: {} bytes, at most {} are read", name, text.size(),
                kYamlBytesMax);
  }
  SettingsHandler handler(name);
  SY_TRY(run_parser(text, name, handler));
  if (handler.error()) return Unexpected(std::move(*handler.error()));
  return std::move(handler.settings());
}

Result<std::vector<YamlSetting>> read_yaml_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::not_found) {
    return fail(ErrorCode::kNotFound, "{}: no such configuration file", path.string());
  }
  if (kind == std::filesystem::file_type::directory) {
    return fail(ErrorCode::kIo, "{}: is a directory, expected a YAML file", path.string());
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail(ErrorCode::kIo, "{}: cannot be opened for reading", path.string());
  // One byte more than allowed is enough to know that the file is too large.
  std::string text(kYamlBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return fail(ErrorCode::kIo, "{}: cannot be read", path.string());
  if (stream.gcount() > static_cast<std::streamsize>(kYamlBytesMax)) {
    return fail(ErrorCode::kLimit, "{}: more than {} bytes", path.string(), kYamlBytesMax);
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  SY_ASSIGN(auto settings, parse_yaml(text, path.string()));
  for (YamlSetting& setting : settings) {
    const std::filesystem::path value(setting.text);
    if (setting.key->type == KeyType::kPath && !value.empty() && value.is_relative()) {
      setting.text = (path.parent_path() / value).lexically_normal().string();
    }
  }
  return settings;
}

}  // namespace switchyard::config
