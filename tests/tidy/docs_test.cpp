// Documents that repeat what the code knows say the same; links between documents lead somewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "launcher/exit_code.h"
#include "runtime/config/config_print.h"
#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// After a change of the key table: paste the expected text of the failure into both files.
TEST(Docs, ConfigurationTablesAreTheKeyTable) {
  EXPECT_THAT(read_text("docs/CONFIGURATION.md"), HasSubstr(config::config_markdown()));
  EXPECT_THAT(read_text("configs/README.md"), HasSubstr(config::config_markdown()));
}

TEST(Docs, ErrorTableHasEveryCodeWithItsExitCode) {
  const std::string text = read_text("docs/ERRORS.md");
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_THAT(
        text, HasSubstr(fmt::format("| `{}` | {} |", to_string(code), launcher::exit_code(code))));
  }
}

TEST(Docs, EveryCommandIsDocumented) {
  const std::string text = read_text("docs/CLI.md");
  for (const SourceFile& file : source_files()) {
    if (!file.in("launcher/commands") || file.is_header()) continue;
    const std::string name = fs::path(file.path).stem().string();
    EXPECT_THAT(text, HasSubstr(fmt::format("## {}\n", name))) << file.path;
  }
}

TEST(Docs, EveryLongFlagOfTheCommandLineIsDocumented) {
  const std::string text = read_text("docs/CLI.md");
  const std::regex flag(R"re("(--[a-z][a-z-]+)")re");
  for (const SourceFile& file : source_files()) {
    if (!file.in("launcher/commands") && file.path != "launcher/config_flags.cpp") continue;
    const std::sregex_iterator end;
    for (std::sregex_iterator it(file.text.begin(), file.text.end(), flag); it != end; ++it) {
      EXPECT_THAT(text, HasSubstr(fmt::format("`{}", (*it)[1].str()))) << file.path;
    }
  }
}

std::vector<std::string> markdown_files() {
  const fs::path root(SWITCHYARD_SOURCE_DIR);
  std::vector<std::string> files{"README.md"};
  for (const char* folder : {"docs", "configs", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md") {
        files.push_back(fs::relative(entry.path(), root).generic_string());
      }
    }
  }
  return files;
}

TEST(Docs, LinksLeadToFiles) {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const std::string& path : markdown_files()) {
    const std::string text = read_text(path);
    const std::sregex_iterator end;
    for (std::sregex_iterator it(text.begin(), text.end(), link); it != end; ++it) {
      const fs::path target =
          fs::path(SWITCHYARD_SOURCE_DIR) / fs::path(path).parent_path() / (*it)[1].str();
      EXPECT_TRUE(fs::exists(target)) << path << " links to " << (*it)[1].str();
    }
  }
}

TEST(Docs, StandOnTheirOwn) {
  const std::regex foreign(R"((^|[^A-Za-z])(\.\./)?shared/|(^|[` ("])/work\b)");
  for (const std::string& path : markdown_files()) {
    int number = 0;
    for (const std::string& line : lines_of(read_text(path))) {
      ++number;
      EXPECT_FALSE(std::regex_search(line, foreign)) << path << ":" << number << ": " << line;
    }
  }
}

}  // namespace
}  // namespace switchyard::tidy
