#include "runtime/config/key_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "runtime/config/config_print.h"

namespace switchyard::config {
namespace {

using ::testing::HasSubstr;

// A valid value that differs from the default.
std::string other_value(const Key& key) {
  const std::string current = value_text(RunConfig{}, key);
  switch (key.type) {
    case KeyType::kText:
    case KeyType::kPath: return current + "x";
    case KeyType::kChoice: return std::string(key.choices[key.choices[0] == current ? 1 : 0]);
    case KeyType::kCount: {
      const auto least = static_cast<std::uint64_t>(std::max(key.min, 1.0));
      return std::to_string(current == std::to_string(least) ? least + 1 : least);
    }
    case KeyType::kReal: return key.min > 0.5 ? "2" : "0.5";
    case KeyType::kSwitch: return current == "true" ? "false" : "true";
  }
  return {};
}

TEST(KeyTable, NamesAreUniqueAndFoundAgain) {
  std::set<std::string> names;
  std::set<std::string> variables;
  for (const Key& key : all_keys()) {
    EXPECT_TRUE(names.insert(key.full_name()).second) << key.full_name();
    EXPECT_TRUE(variables.insert(key.environment_name()).second) << key.environment_name();
    EXPECT_EQ(find_key(key.full_name()), &key);
    EXPECT_TRUE(is_section(key.section));
    EXPECT_FALSE(key.doc.empty());
    EXPECT_FALSE(key.doc.ends_with('.')) << key.full_name();
  }
  EXPECT_EQ(find_key("device.thread"), nullptr);
  EXPECT_EQ(find_key("device"), nullptr);
  EXPECT_EQ(find_key(""), nullptr);
}

// Counts the sections' fields in bytes: a field without a key would be missing from the sum.
TEST(KeyTable, HasAKeyForEveryField) {
  std::size_t texts = 0;
  std::size_t numbers = 0;
  std::size_t switches = 0;
  for (const Key& key : all_keys()) {
    texts += key.field.index() == 0 ? 1 : 0;
    numbers += key.field.index() == 1 || key.field.index() == 2 ? 1 : 0;
    switches += key.field.index() == 3 ? 1 : 0;
  }
  // Every switch is padded to a word of its own in today's structs.
  EXPECT_EQ(texts * sizeof(std::string) + (numbers + switches) * 8, sizeof(RunConfig));
}

TEST(KeyTable, EveryKeySetsItsOwnFieldAndNoOther) {
  for (const Key& key : all_keys()) {
    RunConfig config;
    const std::string value = other_value(key);
    const auto outcome = set_value(config, key, value, ErrorCode::kUsage);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    for (const Key& other : all_keys()) {
      const std::string expected = &other == &key ? value : value_text(RunConfig{}, other);
      EXPECT_EQ(value_text(config, other), expected)
          << key.full_name() << ", " << other.full_name();
    }
  }
}

TEST(KeyTable, DefaultsAreAllowedValues) {
  for (const Key& key : all_keys()) {
    RunConfig config;
    const auto outcome = set_value(config, key, value_text(RunConfig{}, key), ErrorCode::kUsage);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().message;
  }
}

TEST(KeyTable, RefusesMalformedValuesAndLeavesTheFieldAlone) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"device.threads",
       {"", "-1", "+1", " 1", "1 ", "0x4", "1.5", "1e2", "1025", "true", "18446744073709551616"}},
      {"sampling.temperature", {"", "nan", "inf", "-0.1", "1,5", "101", "hot"}},
      {"cluster.colocate", {"", "yes", "1", "True"}},
      {"device.isa", {"", "AVX2", "sse", "auto "}},
      {"model.path", {std::string("a\0b", 3)}},
  };
  for (const auto& [name, values] : cases) {
    const Key* key = find_key(name);
    ASSERT_NE(key, nullptr) << name;
    for (const std::string& value : values) {
      RunConfig config;
      const auto outcome = set_value(config, *key, value, ErrorCode::kConfig);
      ASSERT_FALSE(outcome.has_value()) << name << " took '" << value << "'";
      EXPECT_EQ(outcome.error().code, ErrorCode::kConfig);
      EXPECT_THAT(outcome.error().message, HasSubstr(allowed_text(*key)));
      EXPECT_EQ(value_text(config, *key), value_text(RunConfig{}, *key));
    }
  }
}

TEST(KeyTable, QuotedTextIsOneShortLine) {
  EXPECT_EQ(show_text("a\nb\x7F"), "'a?b?'");
  EXPECT_EQ(show_text(std::string(61, 'a')), "'" + std::string(60, 'a') + "...'");
}

TEST(KeyTable, NearestCountsEdits) {
  const std::vector<std::string> names = {"routers", "ranks", "replicas"};
  EXPECT_EQ(nearest("rank", names, 2), "ranks");
  EXPECT_EQ(nearest("ruoters", names, 2), "routers");
  EXPECT_EQ(nearest("sequences", names, 2), "");
}

TEST(ConfigPrint, JsonHasEveryKeyWithItsTypeAndSurvivesBytesThatAreNoText) {
  auto config = load_config({});
  ASSERT_TRUE(config.has_value());
  config->run.model.path = "\xFF\xFE";
  const auto document = nlohmann::json::parse(config_json(*config));
  ASSERT_EQ(document["keys"].size(), all_keys().size());
  for (const auto& row : document["keys"]) {
    const Key* key = find_key(row["key"].get<std::string>());
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(row["value"].is_boolean(), key->type == KeyType::kSwitch);
    EXPECT_EQ(row["value"].is_number(),
              key->type == KeyType::kCount || key->type == KeyType::kReal);
    EXPECT_EQ(row["source"], "default");
  }
}

TEST(ConfigPrint, TableHasOneLineAKey) {
  const auto config = load_config({});
  ASSERT_TRUE(config.has_value());
  const std::string table = config_table(*config);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'),
            static_cast<std::ptrdiff_t>(all_keys().size()));
  EXPECT_THAT(table, HasSubstr("cluster.placement"));
  EXPECT_THAT(table, HasSubstr("contiguous"));
}

}  // namespace
}  // namespace switchyard::config
