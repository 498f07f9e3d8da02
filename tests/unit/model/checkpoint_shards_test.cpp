#include "runtime/model/checkpoint/shards.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "runtime/model/checkpoint/checkpoint.h"
#include "runtime/model/weight_source.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using nlohmann::json;
using test::Tensors;
using test::write_file;
using ::testing::HasSubstr;

constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

// A Qwen3 checkpoint in two shards: layer 0 and the rest.
class Shards : public ::testing::Test {
 protected:
  Shards() {
    for (const auto& [name, shape] : test::qwen3_tensors()) {
      const bool first = name.starts_with("model.layers.0.");
      (first ? first_ : second_)[name] = shape;
      map_[name] = first ? kFirst : kSecond;
    }
    write_file(directory_.file("config.json"), test::qwen3_config().dump());
    write_file(directory_.file(kFirst), test::model_bytes(first_));
    write_file(directory_.file(kSecond), test::model_bytes(second_));
    write_index();
  }
  void write_index() {
    const json index = {{"metadata", {{"total_size", 1}}}, {"weight_map", map_}};
    write_file(directory_.file("model.safetensors.index.json"), index.dump());
  }
  std::vector<Problem> problems() { return check_checkpoint(directory_.path()); }

  test::TempDirectory directory_;
  Tensors first_;
  Tensors second_;
  std::map<std::string, std::string> map_;
};

TEST_F(Shards, AreReadAsOneModel) {
  const auto source = open_checkpoint(directory_.path());
  ASSERT_TRUE(source) << source.error().message;
  for (const std::size_t layer : {0U, 1U}) {
    const auto view = (*source)->get({WeightRole::kExpertDown, layer, 2});
    ASSERT_TRUE(view);
    const std::string name =
        "model.layers." + std::to_string(layer) + ".mlp.experts.2.down_proj.weight";
    for (std::size_t i = 0; i < 48; ++i)
      ASSERT_EQ(test::element(*view, i), test::value_of(name, i));
  }
}

TEST_F(Shards, AreNamedWhenMissing) {
  std::filesystem::remove(directory_.file(kSecond));
  const auto found = problems();
  ASSERT_EQ(found.size(), 1U);  // not also each tensor of it
  EXPECT_EQ(found[0].code, ErrorCode::kNotFound);
  EXPECT_THAT(found[0].message, HasSubstr(kSecond));
}

TEST_F(Shards, AreNamedWhenTruncated) {
  std::filesystem::resize_file(directory_.file(kFirst), 2000);
  const auto found = problems();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, ErrorCode::kBadInput);
  EXPECT_THAT(found[0].message, HasSubstr(kFirst));
}

TEST_F(Shards, MustHoldWhatTheIndexSays) {
  map_["model.norm.weight"] = kFirst;
  write_index();
  const auto found = problems();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, ErrorCode::kNotFound);
  EXPECT_THAT(found[0].message, HasSubstr("model.norm.weight"));
  EXPECT_THAT(found[0].message, HasSubstr(kFirst));
}

TEST_F(Shards, CountOnlyWhatTheIndexLists) {
  map_.erase("model.norm.weight");
  write_index();
  const auto found = problems();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, ErrorCode::kNotFound);
  EXPECT_THAT(found[0].message, HasSubstr("model.norm.weight"));
}

TEST_F(Shards, GiveWayToASingleFile) {
  write_file(directory_.file("model.safetensors"), test::model_bytes(test::qwen3_tensors()));
  std::filesystem::remove(directory_.file(kFirst));
  EXPECT_TRUE(problems().empty());
}

TEST_F(Shards, MayNotLeadOutOfTheDirectory) {
  for (const char* name :
       {"../secret.safetensors", "/etc/passwd.safetensors", "a/b.safetensors", "..\\x.safetensors",
        ".hidden.safetensors", ".safetensors", "", "..", "model.bin", "a\nb.safetensors"}) {
    map_["model.norm.weight"] = name;
    write_index();
    const auto found = problems();
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_EQ(found[0].code, ErrorCode::kBadInput) << name;
    EXPECT_THAT(found[0].message, HasSubstr("model.norm.weight"));
    EXPECT_THAT(found[0].message, HasSubstr("model.safetensors.index.json"));
  }
}

TEST(ShardIndex, RefusesMalformedMaps) {
  for (const char* text :
       {"{}", "[]", R"({"weight_map": []})", R"({"weight_map": {}})", R"({"weight_map": {"a": 1}})",
        R"({"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}})"}) {
    const auto parsed = parse_shard_index(text, "index.json");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadInput) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("index.json"));
  }
}

}  // namespace
}  // namespace switchyard::model
