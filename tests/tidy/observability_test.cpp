// The tables of docs/OPERATIONS.md against the code: every event that is logged and every metric
// that is shown is in its table, and nothing else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

using Names = std::set<std::string>;

Names all_matches(const std::string& text, const std::regex& pattern) {
  Names found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    for (std::size_t group = 1; group < it->size(); ++group) {
      if ((*it)[group].matched) found.insert((*it)[group]);
    }
  }
  return found;
}

std::string section_of(const std::string& text, const std::string& heading) {
  const auto begin = text.find("\n## " + heading + "\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find("\n## ", begin + 1) - begin);
}

// Names in the first column.
Names first_column(const std::string& section) {
  Names names;
  const std::regex name("`([a-z_]+)`");
  for (const std::string& line : lines_of(section)) {
    if (!line.starts_with("| `")) continue;
    names.merge(all_matches(line.substr(0, line.find(" | ")), name));
  }
  return names;
}

Names code_names(const std::vector<std::string>& folders, const std::regex& pattern) {
  Names names;
  for (const SourceFile& file : source_files()) {
    const auto inside = [&](const std::string& folder) { return file.in(folder); };
    if (std::ranges::any_of(folders, inside)) names.merge(all_matches(file.text, pattern));
  }
  return names;
}

TEST(Observability, EveryEventIsInTheTableAndNothingElse) {
  // outbox.event("x", outbox.note("x" or "y" by a condition, log.warning("x", log_event(log, level,
  // "x", say("x".
  const std::regex call(
      R"re((?:outbox\.(?:event|note)|\blog_?\.(?:info|warning|error)|\bsay)\(\s*(?:[^"();]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?)re");
  const std::regex event(R"re(\blog_event\(\s*[^",]+,\s*[^",]+,\s*"([a-z_]+)")re");
  auto logged = code_names({"runtime", "launcher"}, call);
  logged.merge(code_names({"runtime", "launcher", "comm"}, event));
  EXPECT_GT(logged.size(), 30U);
  // A name that is no literal would escape: each such call is one of these, which are looked after.
  const std::regex computed(R"re(outbox\.(?:event|note)\(\s*([a-z_:.]+)\s*[,(])re");
  EXPECT_EQ(code_names({"runtime"}, computed), (Names{"fmt::format", "told.kind"}));
  // scaling_<outcome>; what ranks say of their breakers; lines that are no events.
  logged.merge(Names{"scaling_act", "scaling_advice", "scaling_hold", "breaker_opened",
                     "breaker_probing", "breaker_closed", "message"});
  EXPECT_EQ(first_column(section_of(read_text("docs/OPERATIONS.md"), "Logs")), logged);
}

// Kinds that are not in the table of runtime/control would be logged as info and counted late.
TEST(Observability, EveryKindOfTheControllerHasItsLevel) {
  const std::regex call(
      R"re(outbox\.(?:event|note)\(\s*(?:[^"();]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?)re");
  Names told = code_names({"runtime/control"}, call);
  told.merge(Names{"scaling_act", "scaling_advice", "scaling_hold", "breaker_opened",
                   "breaker_probing", "breaker_closed"});
  const std::regex row(R"re(\{"([a-z_]+)", Seriousness::k)re");
  EXPECT_EQ(all_matches(read_text("runtime/control/event_kinds.cpp"), row), told);
}

TEST(Observability, EveryMetricIsInTheTableAndNothingElse) {
  const std::regex name(R"re("(switchyard_[a-z0-9_]+)")re");
  const auto shown = code_names({"runtime/net"}, name);
  EXPECT_GT(shown.size(), 20U);
  Names listed;
  const std::regex row(R"(\n\| `(switchyard_[a-z0-9_]+)` \|)");
  listed = all_matches(section_of(read_text("docs/OPERATIONS.md"), "Metrics"), row);
  EXPECT_EQ(listed, shown);
}

}  // namespace
}  // namespace switchyard::tidy
