#include "runtime/config/config_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace switchyard::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Error error_of(std::string_view text) {
  auto result = parse_yaml(text, "c.yaml");
  EXPECT_FALSE(result.has_value()) << text;
  return result.has_value() ? Error{} : result.error();
}

TEST(ConfigYaml, ReadsSectionsOfKeysWithTheirPlaces) {
  const auto settings = parse_yaml(
      "# comment\ndevice:\n  threads: 3\n\nrouting:\n  spec: top-p:theta=0.6,k_min=1\n", "c.yaml");
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  ASSERT_EQ(settings->size(), 2U);
  EXPECT_EQ((*settings)[0].key->full_name(), "device.threads");
  EXPECT_EQ((*settings)[0].text, "3");
  EXPECT_EQ((*settings)[0].place, "c.yaml:3");
  EXPECT_EQ((*settings)[1].text, "top-p:theta=0.6,k_min=1");
  EXPECT_EQ((*settings)[1].place, "c.yaml:6");
}

TEST(ConfigYaml, TakesEmptyDocumentsAndEmptySections) {
  for (const char* text : {"", "# only a comment\n", "---\n", "device:\n", "device: {}\n"}) {
    const auto settings = parse_yaml(text, "c.yaml");
    ASSERT_TRUE(settings.has_value()) << text << settings.error().message;
    EXPECT_TRUE(settings->empty());
  }
}

struct BadYaml {
  const char* name;
  const char* text;
  const char* message;
};
void PrintTo(const BadYaml& bad, std::ostream* out) { *out << bad.name; }

class ConfigYamlRefuses : public ::testing::TestWithParam<BadYaml> {};

TEST_P(ConfigYamlRefuses, WithFileAndLine) {
  const Error error = error_of(GetParam().text);
  EXPECT_EQ(error.code, ErrorCode::kConfig);
  EXPECT_THAT(error.message, StartsWith("c.yaml"));
  EXPECT_THAT(error.message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ConfigYamlRefuses,
    ::testing::Values(
        BadYaml{"UnknownKey", "cluster:\n  routers: 1\n  x: 2\n",
                "c.yaml:3: unknown key 'x' in section 'cluster'; known: transport, exchange, "
                "ranks, routers"},
        BadYaml{"UnknownSection", "clutser:\n  routers: 1\n",
                "c.yaml:1: unknown section 'clutser'; known: model, device, cluster"},
        BadYaml{"RepeatedKey", "device:\n  threads: 1\n  threads: 2\n",
                "c.yaml:3: key 'threads' of section 'device' appears twice, first at c.yaml:2"},
        BadYaml{"RepeatedSection", "device:\n  threads: 1\ndevice:\n  isa: ref\n",
                "c.yaml:3: section 'device' appears twice"},
        BadYaml{"ListForSection", "device:\n  - threads\n", "c.yaml:2: a list where the keys"},
        BadYaml{"NullInAListForSection", "device: [~]\n", "c.yaml:1: a list where the keys"},
        BadYaml{"ListForValue", "device:\n  threads: [1, 2]\n", "c.yaml:2: a list where one value"},
        BadYaml{"ListLeftOpen", "device:\n  threads: [1, 2", "c.yaml:2: a list where one value"},
        BadYaml{"ListForSectionLeftOpen", "device: [threads", "c.yaml:1: a list where the keys"},
        BadYaml{"MapLeftOpen", "device: {threads: 2\nrouting:\n  spec: topk\n", "not YAML: end of"},
        BadYaml{"MapLeftOpenAtTheEnd", "device: {threads: 2", "c.yaml:1: not YAML: end of map"},
        BadYaml{"EmptyMapLeftOpen", "device: {", "c.yaml:1: not YAML: end of map"},
        BadYaml{"MapForValue", "device:\n  threads:\n    a: 1\n", "a map where one value"},
        BadYaml{"ScalarForSection", "device: 3\n", "c.yaml:1: text '3' where the keys"},
        BadYaml{"ScalarDocument", "hello\n", "c.yaml:1: text 'hello' where sections"},
        BadYaml{"ListDocument", "- device\n", "c.yaml:1: a list where sections"},
        BadYaml{"NoValue", "device:\n  threads:\n", "'device.threads' has no value"},
        BadYaml{"QuotedNumber", "device:\n  threads: '4'\n",
                "c.yaml:2: device.threads is the text '4' in quotes, expected an integer"},
        BadYaml{"Anchor", "device: &a\n  threads: 4\n", "c.yaml:1: anchors"},
        BadYaml{"Alias", "device:\n  threads: &a 4\nengine:\n  context: *a\n", "c.yaml:2: anchors"},
        BadYaml{"Tag", "device:\n  threads: !!int 4\n", "c.yaml:2: the tag"},
        BadYaml{"MapAsKey", "? {a: 1}\n: 2\n", "a map where the name of a section"},
        BadYaml{"SecondDocument", "device:\n  threads: 4\n---\nengine:\n  context: 4\n",
                "a second document"},
        BadYaml{"OpenQuote", "device:\n  isa: \"ref\n", "c.yaml:2: device.isa is 'ref '"},
        BadYaml{"OpenQuoteAtTheEnd", "device:\n  isa: \"ref", "c.yaml:2: not YAML"},
        BadYaml{"Tab", "device:\n\tthreads: 4\n", "c.yaml:2"},
        BadYaml{"Unbalanced", "device: {threads: 4\n", "not YAML"}),
    [](const auto& case_info) { return case_info.param.name; });

TEST(ConfigYaml, RefusesDeepNestingWithoutCrashing) {
  EXPECT_EQ(error_of(std::string(100000, '[')).code, ErrorCode::kConfig);
  EXPECT_EQ(error_of("device: " + std::string(20000, '{')).code, ErrorCode::kConfig);
}

TEST(ConfigYaml, RefusesAnAliasBombAtItsFirstAnchor) {
  std::string text = "a0: &a0 x\n";
  for (int i = 1; i < 30; ++i) {
    text += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  }
  EXPECT_THAT(error_of(text).message, HasSubstr("c.yaml:1: "));
}

TEST(ConfigYaml, RefusesTextBeyondTheLimit) {
  EXPECT_EQ(error_of(std::string(kYamlBytesMax + 1, '#')).code, ErrorCode::kLimit);
}

// A folder of its own, removed at the end.
class ConfigYamlFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "sy_yaml_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
    return dir_ / name;
  }
  std::filesystem::path dir_;
};

TEST_F(ConfigYamlFile, JoinsRelativePathsToItsFolder) {
  const auto settings = read_yaml_file(write("a.yaml", "model: {path: models/x/../y}\n"));
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->at(0).text, (dir_ / "models/y").string());
  const auto absolute = read_yaml_file(write("b.yaml", "model: {path: /models/x}\n"));
  ASSERT_TRUE(absolute.has_value());
  EXPECT_EQ(absolute->at(0).text, "/models/x");
}

TEST_F(ConfigYamlFile, NamesMissingFilesDirectoriesAndLargeFiles) {
  EXPECT_EQ(read_yaml_file(dir_ / "none.yaml").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_yaml_file(dir_).error().code, ErrorCode::kIo);
  const auto large = read_yaml_file(write("l.yaml", std::string(kYamlBytesMax + 1, '#')));
  EXPECT_EQ(large.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace switchyard::config
