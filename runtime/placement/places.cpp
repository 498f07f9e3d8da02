#include "runtime/placement/places.h"

#include <charconv>
#include <optional>

namespace switchyard::placement {
namespace {

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Unexpected wrong(std::string_view part, std::string_view why) {
  return fail(ErrorCode::kConfig, "regions: '{}': {}; write for example 0-1=eu-west/a,2=us-east",
              part.substr(0, 60), why);
}

Result<void> put(std::string_view part, std::vector<Place>& places) {
  const auto equals = part.find('=');
  if (equals == std::string_view::npos) return wrong(part, "no '='");
  const auto range = part.substr(0, equals);
  const auto dash = range.find('-');
  const auto first = whole_number(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : whole_number(range.substr(dash + 1));
  if (!first || !last || *first > *last) return wrong(part, "no rank or range of ranks");
  if (*last >= places.size()) {
    return wrong(part, fmt::format("the last rank is {}", places.size() - 1));
  }
  const auto name = part.substr(equals + 1);
  const auto slash = name.find('/');
  const auto region = name.substr(0, slash);
  if (region.empty()) return wrong(part, "no region");
  for (std::size_t rank = *first; rank <= *last; ++rank) {
    if (!places[rank].region.empty()) return wrong(part, fmt::format("rank {} twice", rank));
    places[rank].region = region;
    if (slash != std::string_view::npos) places[rank].zone = name.substr(slash + 1);
  }
  return {};
}

}  // namespace

Result<std::vector<Place>> parse_places(std::string_view text, std::size_t ranks) {
  std::vector<Place> places(ranks);
  while (!text.empty()) {
    const auto comma = text.find(',');
    SY_TRY(put(text.substr(0, comma), places));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return places;
}

}  // namespace switchyard::placement
