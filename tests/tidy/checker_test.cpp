// The checkers themselves: what they must find and what they must let pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/function_lengths.h"
#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

using ::testing::ElementsAre;

std::vector<int> lengths(std::string_view text) {
  std::vector<int> lines;
  for (const auto& function : function_lengths(blank_comments_and_literals(text))) {
    lines.push_back(function.lines);
  }
  return lines;
}

TEST(Blanking, KeepsCodeAndLinesOnly) {
  EXPECT_EQ(blank_comments_and_literals("a // b\nc"), "a     \nc");
  EXPECT_EQ(blank_comments_and_literals("a/*b\nc*/d"), "a   \n   d");
  EXPECT_EQ(blank_comments_and_literals("f(\"a\\\"{\") {"), "f(\"    \") {");
  EXPECT_EQ(blank_comments_and_literals("c == '{' ? 1'000 : 2"), "c == ' ' ? 1'000 : 2");
  EXPECT_EQ(blank_comments_and_literals("x = R\"y({\n)y\"; z"), "x =      \n   ; z");
}

TEST(FunctionLengths, CountsBodiesInNamespacesAndTypes) {
  EXPECT_THAT(lengths("namespace a {\nint f() {\n  return 1;\n}\n}\n"), ElementsAre(3));
  EXPECT_THAT(lengths("class A {\n public:\n  int g() const noexcept { return 1; }\n};\n"),
              ElementsAre(1));
  EXPECT_THAT(lengths("auto f() -> std::vector<int> {\n\n}\n"), ElementsAre(3));
  EXPECT_THAT(lengths("struct A f() {\n}\n"), ElementsAre(2));
  EXPECT_THAT(lengths("TEST(A, B) {\n  if (x) {\n  }\n}\n"), ElementsAre(4));
}

TEST(FunctionLengths, SeesThroughMemberInitialisers) {
  EXPECT_THAT(lengths("A::A(int x) : x_{x}, y_(x) {\n  f();\n\n}\n"), ElementsAre(4));
  EXPECT_THAT(lengths("A::A(int x)\n    : x_(x),\n      y_{1} {\n}\nvoid f() {}\n"),
              ElementsAre(2, 1));
}

TEST(FunctionLengths, CountsALambdaWithItsFunctionAndNoTables) {
  EXPECT_THAT(lengths("void f() {\n  g([&](int x) {\n    return x;\n  });\n}\n"), ElementsAre(5));
  EXPECT_THAT(lengths("constexpr int kTable[] = {\n1,\n2,\n};\nenum class E { kA };\n"),
              ElementsAre());
  EXPECT_THAT(lengths("#define M(x) \\\n  do { x(); } while (false)\nvoid f() {}\n"),
              ElementsAre(1));
}

TEST(Includes, AreReadWithTheirLines) {
  const SourceFile file{"a.cpp", "#include \"a.h\"\n\n#include <vector>\n// #include <map>\n", ""};
  const auto includes = includes_of(file);
  ASSERT_EQ(includes.size(), 2U);
  EXPECT_EQ(includes[0].name, "a.h");
  EXPECT_EQ(includes[1].name, "vector");
  EXPECT_EQ(includes[1].line, 3);
}

TEST(SourceTree, HoldsTheWholeHouse) {
  EXPECT_GT(source_files().size(), 100U);
  const SourceFile file{"comm/mpi/a.h", "", ""};
  EXPECT_TRUE(file.in("comm"));
  EXPECT_TRUE(file.in("comm/mpi"));
  EXPECT_FALSE(file.in("comm/mp"));
  EXPECT_TRUE(file.is_header());
}

}  // namespace
}  // namespace switchyard::tidy
