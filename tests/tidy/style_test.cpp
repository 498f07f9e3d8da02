// House style that a text search can check: sizes, headers, words that have no place.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <regex>
#include <set>

#include "tests/tidy/function_lengths.h"
#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

constexpr std::size_t kFileLinesMax = 400;
constexpr int kFunctionLinesMax = 70;

TEST(Style, FilesHoldOneIdea) {
  for (const SourceFile& file : source_files()) {
    EXPECT_LE(lines_of(file.text).size(), kFileLinesMax) << file.path;
  }
}

TEST(Style, FunctionsFitAScreen) {
  for (const SourceFile& file : source_files()) {
    for (const FunctionLength& function : function_lengths(file.code)) {
      EXPECT_LE(function.lines, kFunctionLinesMax)
          << file.path << ":" << function.line << ": a function of " << function.lines << " lines";
    }
  }
}

TEST(Style, HeadersOpenWithWhatTheyAreAndPragmaOnce) {
  for (const SourceFile& file : source_files()) {
    if (!file.is_header()) continue;
    EXPECT_TRUE(file.text.starts_with(fmt::format("// {} -- ", file.path))) << file.path;
    EXPECT_NE(file.text.find("\n#pragma once\n"), std::string::npos) << file.path;
  }
}

// What a kernel could be and what it moves, before its code.
TEST(Style, KernelFilesOpenWithTheirLadderAndTheirBytes) {
  std::size_t kernel_files = 0;
  for (const SourceFile& file : source_files()) {
    if (!file.path.ends_with(".cu") || !file.in("kernels")) continue;
    ++kernel_files;
    const std::string head = file.text.substr(0, file.text.find("\n#include"));
    for (const char* word : {"Ladder", "ytes"}) {
      EXPECT_NE(head.find(word), std::string::npos) << file.path << ": its head has no " << word;
    }
  }
  EXPECT_GT(kernel_files, 0U);
}

// With this, compiling foo.cpp proves that foo.h compiles alone; headers without a .cpp are
// compiled by the target headers_compile.
TEST(Style, ASourceFileIncludesItsOwnHeaderFirst) {
  std::set<std::string> headers;
  for (const SourceFile& file : source_files()) {
    if (file.is_header()) headers.insert(file.path);
  }
  for (const SourceFile& file : source_files()) {
    const std::string own = file.path.substr(0, file.path.find_last_of('.')) + ".h";
    if (file.is_header() || !headers.contains(own)) continue;
    const auto includes = includes_of(file);
    ASSERT_FALSE(includes.empty()) << file.path;
    EXPECT_EQ(includes.front().name, own) << file.path;
  }
}

TEST(Style, LinesHaveNoTabsNoTrailingSpaceAndEnd) {
  for (const SourceFile& file : source_files()) {
    EXPECT_EQ(file.text.find('\t'), std::string::npos) << file.path;
    EXPECT_EQ(file.text.find(" \n"), std::string::npos) << file.path;
    EXPECT_EQ(file.text.find('\r'), std::string::npos) << file.path;
    EXPECT_TRUE(file.text.ends_with('\n')) << file.path;
  }
}

// `where` matches the paths that a rule is about; `pattern` must not be found there.
struct Banned {
  const char* pattern;
  const char* where;
  const char* why;
};

void expect_absent(const Banned& rule, std::string SourceFile::*part) {
  const std::regex where(rule.where);
  const std::regex pattern(rule.pattern);
  for (const SourceFile& file : source_files()) {
    if (!std::regex_search(file.path, where) || file.in("tests/tidy")) continue;
    int number = 0;
    for (const std::string& line : lines_of(file.*part)) {
      ++number;
      EXPECT_FALSE(std::regex_search(line, pattern))
          << file.path << ":" << number << ": " << rule.why << "\n  " << line;
    }
  }
}

TEST(Style, CodeKeepsOutOfOtherPlacesTrades) {
  const Banned rules[] = {
      {R"(\busing namespace\b)", ".", "names keep their namespace"},
      {R"(\b(secure_)?getenv\b)", "^(runtime|kernels|comm)/",
       "only the launcher reads the environment"},
      {R"(\bstd::(cout|cerr)\b)", "^(runtime|kernels|comm)/", "rooms return values or log"},
      {R"(\bsleep_(for|until)\b|(^|[^.\w>])u?sleep\()", "^tests/",
       "tests wait for events, not for time"},
      {R"(\b(rand|srand)\(|\brandom_device\b)", ".",
       "randomness comes from a seed (base/random.h)"},
      {R"(\bthrow\b)", "^(runtime|kernels|comm|launcher)/", "operating errors are values"},
      {R"(\bcatch \(\.\.\.\))", "^(runtime|kernels|comm)/", "say which exception is translated"},
      {R"(#\s*if(n?def)?\b.*\b(WITH|HAVE)_)", ".", "an option removes files, never lines"},
      {R"(#\s*(el)?if(n?def)?\b.*(CUDA|NCCL))",
       R"(^(?!comm/nccl/(shrink|registration)\.cpp$|kernels/cuda/native/group_tile\.cuh$|)"
       R"(tests/cuda_emulation/))",
       "CUDA and NCCL are files of the build; two of them know NCCL's version; one, of "
       "instructions that only some GPUs have, knows for which it is compiled"},
  };
  for (const Banned& rule : rules) expect_absent(rule, &SourceFile::code);
}

TEST(Style, TextHasNoLooseEnds) {
  const Banned rules[] = {
      {R"(\b(TODO|FIXME|XXX)\b(?!\(#[0-9]+\)))", ".", "a loose end needs an issue: TODO(#12)"},
      {R"((^|[^A-Za-z])(\.\./)?shared/)", ".", "the repository stands on its own"},
      {R"((^|[" ])/(work|tmp/build)\b)", ".", "no path of one machine"},
  };
  for (const Banned& rule : rules) expect_absent(rule, &SourceFile::text);
}

}  // namespace
}  // namespace switchyard::tidy
