// The listing of routing policies says what the parser takes, and the documentation says the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

nlohmann::json listing() { return run_alone({"routing", "--json"}).json(); }

TEST(Routing, ListsEveryPolicyThatTheParserKnows) {
  const auto document = listing();
  ASSERT_TRUE(document.is_object());
  const auto refused =
      run_alone({"generate", "--preset", "demo", "--prompt", "x", "--routing", "?"});
  EXPECT_EQ(refused.exit_code, 2);
  const auto unknown =
      run_alone({"generate", "--preset", "demo", "--prompt", "x", "--routing", "nope"});
  EXPECT_EQ(unknown.exit_code, 2);
  std::string names = "there are: auto";
  for (const auto& policy : document["policies"]) names += ", " + policy["name"].get<std::string>();
  EXPECT_THAT(unknown.err, HasSubstr(names));
}

TEST(Routing, PrintsWhatItListsForPeople) {
  const auto outcome = run_alone({"routing"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = listing();
  for (const char* list : {"policies", "common_keys", "estimators"}) {
    for (const auto& entry : document[list]) {
      EXPECT_THAT(outcome.out, HasSubstr(entry["name"].get<std::string>()));
    }
  }
  EXPECT_THAT(outcome.out, HasSubstr("fallback=single_expert | random | load_balance"));
}

// Without the whole document in the message.
void expect_in(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "docs/CLI.md lacks: " << part;
}

TEST(Routing, IsDocumented) {
  const auto document = listing();
  const auto text = read_file(source_path("docs/CLI.md"));
  for (const auto& policy : document["policies"]) {
    std::string keys;
    for (const auto& key : policy["keys"]) {
      keys += (keys.empty() ? "`" : ", `") + key.get<std::string>() + "`";
    }
    expect_in(text, "| `" + policy["name"].get<std::string>() + "` | " + keys + " |");
  }
  for (const auto& estimator : document["estimators"]) {
    expect_in(text, "`" + estimator["name"].get<std::string>() + "`");
  }
  for (const auto& key : document["common_keys"]) {
    for (const auto& word : key["words"]) {
      expect_in(text, "`" + word.get<std::string>() + "`");
    }
  }
}

}  // namespace
}  // namespace switchyard::tests
