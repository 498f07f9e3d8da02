#include "runtime/config/config_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/config/config_rules.h"

namespace switchyard::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class ConfigSources : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "sy_config_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    request_.preset_dirs = {dir_ / "absent", dir_};
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
    return (dir_ / name).string();
  }
  EffectiveConfig load() {
    auto config = load_config(request_);
    EXPECT_TRUE(config.has_value()) << config.error().message;
    return config.has_value() ? *config : EffectiveConfig{};
  }
  Error error() {
    auto config = load_config(request_);
    EXPECT_FALSE(config.has_value());
    return config.has_value() ? Error{} : config.error();
  }
  std::filesystem::path dir_;
  ConfigRequest request_;
};

TEST_F(ConfigSources, DefaultsAreTheStructsOwn) {
  const auto config = load();
  EXPECT_EQ(config.entries.size(), all_keys().size());
  for (const ConfigEntry& entry : config.entries) {
    EXPECT_EQ(entry.source, "default");
    EXPECT_EQ(entry.value, value_text(RunConfig{}, *entry.key));
  }
}

TEST_F(ConfigSources, EachSourceBeatsTheOnesBelowAndIsNamed) {
  write("p.yaml", "device: {threads: 1}\nengine: {context: 1}\nsampling: {seed: 1, top_k: 1}\n");
  request_.preset = "p";
  request_.file = write("f.yaml", "engine:\n  context: 2\nsampling: {seed: 2, top_k: 2}\n");
  request_.environment = {{"SWITCHYARD_SAMPLING_SEED", "3"}, {"SWITCHYARD_SAMPLING_TOP_K", "3"}};
  request_.flags = {{"sampling.top_k", "4", "--top-k"}};
  const auto config = load();
  EXPECT_EQ(config.run.device.threads, 1U);
  EXPECT_EQ(config.entry("device.threads").source, "preset p");
  EXPECT_EQ(config.run.engine.context, 2U);
  EXPECT_EQ(config.entry("engine.context").source, request_.file + ":2");
  EXPECT_EQ(config.run.sampling.seed, 3U);
  EXPECT_EQ(config.entry("sampling.seed").source, "SWITCHYARD_SAMPLING_SEED");
  EXPECT_EQ(config.run.sampling.top_k, 4U);
  EXPECT_EQ(config.entry("sampling.top_k").source, "--top-k");
  EXPECT_EQ(config.entry("sampling.top_k").value, "4");
  EXPECT_EQ(config.blame("sampling.top_k"), "sampling.top_k (--top-k)");
}

TEST_F(ConfigSources, ALaterFlagWins) {
  request_.flags = {{"device.threads", "1", "--threads"}, {"device.threads", "2", "--set"}};
  EXPECT_EQ(load().run.device.threads, 2U);
}

TEST_F(ConfigSources, ABadValueNamesItsPlaceAndWhatWasExpected) {
  request_.file = write("f.yaml", "device:\n  threads: many\n");
  EXPECT_EQ(error().code, ErrorCode::kConfig);
  EXPECT_THAT(error().message, AllOf(HasSubstr("f.yaml:2: "), HasSubstr("device.threads is 'many'"),
                                     HasSubstr("an integer 0..1024")));
  request_.file.clear();
  request_.environment = {{"SWITCHYARD_DEVICE_PRECISION", "fp8"}};
  EXPECT_THAT(error().message, AllOf(HasSubstr("SWITCHYARD_DEVICE_PRECISION: "),
                                     HasSubstr("'fp8', expected bf16 | fp32")));
  request_.environment.clear();
  request_.flags = {{"cluster.colocate", "yes", "--set"}};
  EXPECT_EQ(error().code, ErrorCode::kUsage);
  EXPECT_THAT(error().message, AllOf(HasSubstr("--set: "), HasSubstr("true | false")));
}

TEST_F(ConfigSources, AMistypedVariableIsAnErrorWithTheNearestKey) {
  request_.environment = {{"SWITCHYARD_DEVICE_THREAD", "3"}};
  EXPECT_THAT(error().message, HasSubstr("did you mean 'SWITCHYARD_DEVICE_THREADS'?"));
  request_.environment = {{"SWITCHYARD_DEVCE_THREADS", "3"}};
  EXPECT_THAT(error().message, HasSubstr("did you mean 'SWITCHYARD_DEVICE_THREADS'?"));
  request_.environment = {{"SWITCHYARD_THREADS", "3"}};
  EXPECT_THAT(error().message, HasSubstr("did you mean 'SWITCHYARD_DEVICE_THREADS'?"));
  request_.environment = {{"SWITCHYARD_MODEL", "x"}};
  EXPECT_THAT(error().message, HasSubstr("SWITCHYARD_MODEL' is no key; did you mean"));
  request_.environment = {{"SWITCHYARD_CLUSTER_COLOUR", "red"}};
  EXPECT_EQ(error().code, ErrorCode::kConfig);
}

TEST_F(ConfigSources, OtherVariablesAreLeftAlone) {
  request_.environment = {{"SWITCHYARD_JOBS", "3"}, {"HOME", "/"}, {"DEVICE_THREADS", "x"}};
  EXPECT_EQ(load().run.device.threads, 0U);
}

TEST_F(ConfigSources, AnUnknownPresetListsTheKnown) {
  write("b.yaml", "");
  write("a.yaml", "");
  write("readme.md", "");
  request_.preset = "c";
  EXPECT_EQ(error().code, ErrorCode::kUsage);
  EXPECT_THAT(error().message, HasSubstr("no preset 'c'; there are: a, b"));
  request_.preset = "../a";
  EXPECT_EQ(error().code, ErrorCode::kUsage);
}

TEST_F(ConfigSources, AnUnknownFlagKeySuggestsTheNearest) {
  request_.flags = {{"device.treads", "1", "--set"}};
  EXPECT_EQ(error().code, ErrorCode::kUsage);
  EXPECT_THAT(error().message, HasSubstr("did you mean 'device.threads'?"));
}

TEST_F(ConfigSources, RulesBetweenKeysNameBothSources) {
  request_.flags = {{"cluster.ranks", "2", "--ranks"}, {"cluster.routers", "3", "--routers"}};
  EXPECT_EQ(error().code, ErrorCode::kConfig);
  EXPECT_THAT(error().message, HasSubstr("cluster.routers (--routers) is 3"));
  request_.flags = {{"cluster.ranks", "2", "--ranks"}, {"cluster.replicas", "3", "--replicas"}};
  EXPECT_THAT(error().message, HasSubstr("cluster.replicas (--replicas) is 3"));
  request_.flags = {{"cluster.ranks", "2", "--ranks"}, {"cluster.transport", "mpi", "--transport"}};
  EXPECT_THAT(error().message, HasSubstr("mpirun"));
  request_.flags = {{"sampling.top_p", "0", "--top-p"}};
  EXPECT_THAT(error().message, HasSubstr("sampling.top_p (--top-p) is 0"));
  request_.flags = {{"engine.chunk_tokens", "4096", "--chunk"}};
  EXPECT_THAT(error().message,
              HasSubstr("engine.chunk_tokens (--chunk) is 4096, more than engine.step_tokens_max "
                        "(default), 2048"));
}

TEST_F(ConfigSources, TheWorldIsCheckedOnceItsSizeIsKnown) {
  request_.flags = {{"cluster.routers", "3", "--routers"}};
  const auto config = load();
  EXPECT_TRUE(check_world(config, 3).has_value());
  EXPECT_EQ(check_world(config, 2).error().code, ErrorCode::kConfig);
}

TEST_F(ConfigSources, AModelIsAPathOrACompleteShape) {
  EXPECT_THAT(check_model_given(load()).error().message, HasSubstr("--model DIR"));
  request_.flags = {{"model.path", "/x", "--model"}};
  EXPECT_TRUE(check_model_given(load()).has_value());
  request_.flags = {{"model.hidden", "64", "--set"}};
  EXPECT_THAT(check_model_given(load()).error().message, HasSubstr("model.layers (default) is 0"));
}

TEST(ParseSetFlag, SplitsAtTheFirstEqualsSign) {
  const auto flag = parse_set_flag("routing.spec=topk:k=2");
  ASSERT_TRUE(flag.has_value());
  EXPECT_EQ(flag->key, "routing.spec");
  EXPECT_EQ(flag->text, "topk:k=2");
  EXPECT_EQ(parse_set_flag("routing.spec").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_set_flag("=1").error().code, ErrorCode::kUsage);
}

// The files that are shipped: every preset and every shape loads and holds together.
TEST(ShippedConfigs, AllLoadAndAreComplete) {
  const std::filesystem::path configs = std::filesystem::path(SWITCHYARD_SOURCE_DIR) / "configs";
  EXPECT_THAT(preset_names({configs}),
              AllOf(Contains("demo"), Contains("inference"), Contains("training")));
  for (const auto& dir : {configs, configs / "shapes"}) {
    const auto names = preset_names({dir});
    EXPECT_GE(names.size(), 3U);
    for (const std::string& name : names) {
      ConfigRequest request;
      request.preset_dirs = {dir};
      request.preset = name;
      const auto config = load_config(request);
      ASSERT_TRUE(config.has_value()) << config.error().message;
      const auto model = check_model_given(*config);
      EXPECT_TRUE(model.has_value()) << name << ": " << model.error().message;
    }
  }
}

TEST_F(ConfigSources, CopiesNeedAsManyExpertRanks) {
  request_.flags = {{"cluster.replicas", "2", "--replicas"}, {"cluster.routers", "2", "--routers"}};
  const auto config = load();
  EXPECT_TRUE(check_world(config, 4).has_value());
  const auto few = check_world(config, 3);
  ASSERT_FALSE(few.has_value());
  EXPECT_EQ(few.error().code, ErrorCode::kConfig);
  EXPECT_THAT(few.error().message,
              AllOf(HasSubstr("cluster.replicas (--replicas) is 2"), HasSubstr("1 expert ranks")));
  request_.flags.push_back({"cluster.colocate", "true", "--colocate"});
  EXPECT_TRUE(check_world(load(), 3).has_value());
}

TEST_F(ConfigSources, RanksOfMpirunAreThoseThatItStarted) {
  EXPECT_TRUE(check_launched_world(load(), 4).has_value());
  request_.flags = {{"cluster.ranks", "3", "--ranks"}};
  const auto config = load();
  EXPECT_TRUE(check_launched_world(config, 3).has_value());
  const auto other = check_launched_world(config, 4);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::kConfig);
  EXPECT_THAT(other.error().message, HasSubstr("cluster.ranks (--ranks) is 3"));
}

}  // namespace
}  // namespace switchyard::config
