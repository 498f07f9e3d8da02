// Every source is as clang-format leaves it. Other versions break lines otherwise, so that only the
// one that docs/TESTING.md names is asked; a machine without it says so and has nothing to check.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

constexpr std::string_view kVersion = "version 14.";

struct Ran {
  int status = -1;
  std::string output;  // both streams
};

Ran run(const std::string& line) {
  Ran ran;
  std::FILE* const pipe = ::popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> piece{};
  while (const auto bytes = std::fread(piece.data(), 1, piece.size(), pipe)) {
    ran.output.append(piece.data(), bytes);
  }
  ran.status = ::pclose(pipe);
  return ran;
}

// The program of the right version, or nothing.
std::string formatter() {
  for (const std::string name : {"clang-format-14", "clang-format"}) {
    const auto ran = run(name + " --version");
    if (ran.status == 0 && ran.output.find(kVersion) != std::string::npos) return name;
  }
  return {};
}

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

TEST(Format, EverySourceIsAsClangFormatLeavesIt) {
  const std::string program = formatter();
  if (program.empty()) GTEST_SKIP() << "clang-format 14 is not installed: format not checked";
  std::string line = "cd " + in_quotes(SWITCHYARD_SOURCE_DIR) + " && " + program +
                     " --dry-run --Werror --ferror-limit=1";
  for (const SourceFile& file : source_files()) line += " " + in_quotes(file.path);
  const auto ran = run(line);
  EXPECT_EQ(ran.status, 0) << "clang-format -i FILE mends:\n" << ran.output;
}

// What it is asked with does find a line that is wrong.
TEST(Format, ABadLineIsFound) {
  const std::string program = formatter();
  if (program.empty()) GTEST_SKIP() << "clang-format 14 is not installed: format not checked";
  const std::string check = "cd " + in_quotes(SWITCHYARD_SOURCE_DIR) + " && printf '%s' " +
                            in_quotes("int  x ;") + " | " + program +
                            " --dry-run --Werror --assume-filename=runtime/x.cpp";
  EXPECT_NE(run(check).status, 0);
}

}  // namespace
}  // namespace switchyard::tidy
