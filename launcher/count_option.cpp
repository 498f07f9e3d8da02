#include "launcher/count_option.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace switchyard::launcher {

CLI::Validator count_between(std::size_t low, std::size_t high) {
  return CLI::Validator(
      [low, high](const std::string& text) -> std::string {
        std::size_t value = 0;
        const char* end = text.data() + text.size();
        const auto [stopped, problem] = std::from_chars(text.data(), end, value);
        if (problem == std::errc() && stopped == end && value >= low && value <= high) return {};
        return fmt::format("expected a whole number from {} to {}, got {}", low, high, text);
      },
      "");
}

}  // namespace switchyard::launcher
