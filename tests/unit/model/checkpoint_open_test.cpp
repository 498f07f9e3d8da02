#include <gmock/gmock.h>

#include <filesystem>

#include "runtime/model/checkpoint/checkpoint.h"
#include "runtime/model/weight_source.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using test::element;
using test::TempDirectory;
using test::Tensors;
using test::value_of;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The view is the tensor `name` from element `begin` on.
void expect_is(const Result<kernels::WeightView>& view, const std::string& name, std::size_t out,
               std::size_t in, std::size_t begin = 0) {
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->out, out) << name;
  EXPECT_EQ(view->in, in) << name;
  for (std::size_t i = 0; i < out * in; ++i) {
    ASSERT_EQ(element(*view, i), value_of(name, begin + i)) << name << " element " << i;
  }
}

class OpenCheckpoint : public ::testing::Test {
 protected:
  void write(const nlohmann::json& config, const Tensors& tensors, DType dtype = DType::kBf16) {
    test::write_model(directory_.path(), config, tensors, dtype);
  }
  std::unique_ptr<WeightSource> open() {
    auto source = open_checkpoint(directory_.path());
    EXPECT_TRUE(source) << source.error().message;
    EXPECT_TRUE(check_checkpoint(directory_.path()).empty());
    return source ? std::move(*source) : nullptr;
  }
  // The only problem of the directory.
  Problem problem() {
    const auto source = open_checkpoint(directory_.path());
    const auto problems = check_checkpoint(directory_.path());
    EXPECT_FALSE(source);
    EXPECT_EQ(problems.size(), 1U);
    if (problems.empty() || source) return {};
    EXPECT_EQ(problems.front().message, source.error().message);
    return problems.front();
  }
  std::vector<std::string> messages() {
    std::vector<std::string> texts;
    for (const auto& each : check_checkpoint(directory_.path())) texts.push_back(each.message);
    return texts;
  }
  TempDirectory directory_;
};

TEST_F(OpenCheckpoint, GivesEveryRoleOfQwen3) {
  write(test::qwen3_config(), test::qwen3_tensors());
  const auto source = open();
  ASSERT_NE(source, nullptr);
  expect_is(source->get({WeightRole::kEmbedding}), "model.embed_tokens.weight", 10, 8);
  expect_is(source->get({WeightRole::kHead}), "lm_head.weight", 10, 8);
  expect_is(source->get({WeightRole::kFinalNorm}), "model.norm.weight", 1, 8);
  const std::string at = "model.layers.1.";
  expect_is(source->get({WeightRole::kAttentionNorm, 1}), at + "input_layernorm.weight", 1, 8);
  expect_is(source->get({WeightRole::kMoeNorm, 1}), at + "post_attention_layernorm.weight", 1, 8);
  expect_is(source->get({WeightRole::kQuery, 1}), at + "self_attn.q_proj.weight", 8, 8);
  expect_is(source->get({WeightRole::kKey, 1}), at + "self_attn.k_proj.weight", 4, 8);
  expect_is(source->get({WeightRole::kValue, 1}), at + "self_attn.v_proj.weight", 4, 8);
  expect_is(source->get({WeightRole::kAttentionOut, 1}), at + "self_attn.o_proj.weight", 8, 8);
  expect_is(source->get({WeightRole::kQueryNorm, 1}), at + "self_attn.q_norm.weight", 1, 4);
  expect_is(source->get({WeightRole::kKeyNorm, 1}), at + "self_attn.k_norm.weight", 1, 4);
  expect_is(source->get({WeightRole::kGate, 1}), at + "mlp.gate.weight", 3, 8);
  const std::string expert = at + "mlp.experts.2.";
  expect_is(source->get({WeightRole::kExpertGate, 1, 2}), expert + "gate_proj.weight", 6, 8);
  expect_is(source->get({WeightRole::kExpertUp, 1, 2}), expert + "up_proj.weight", 6, 8);
  expect_is(source->get({WeightRole::kExpertDown, 1, 2}), expert + "down_proj.weight", 8, 6);
}

TEST_F(OpenCheckpoint, GivesTheExpertsOfMixtralAndOlmoe) {
  write(test::mixtral_config(), test::mixtral_tensors());
  auto source = open();
  ASSERT_NE(source, nullptr);
  const std::string block = "model.layers.0.block_sparse_moe.";
  expect_is(source->get({WeightRole::kGate, 0}), block + "gate.weight", 3, 8);
  expect_is(source->get({WeightRole::kExpertGate, 0, 1}), block + "experts.1.w1.weight", 6, 8);
  expect_is(source->get({WeightRole::kExpertUp, 0, 1}), block + "experts.1.w3.weight", 6, 8);
  expect_is(source->get({WeightRole::kExpertDown, 0, 1}), block + "experts.1.w2.weight", 8, 6);
  EXPECT_EQ(source->get({WeightRole::kQueryNorm, 0}).error().code, ErrorCode::kNotFound);
  write(test::olmoe_config(), test::olmoe_tensors());
  source = open();
  ASSERT_NE(source, nullptr);
  expect_is(source->get({WeightRole::kQueryNorm, 0}), "model.layers.0.self_attn.q_norm.weight", 1,
            8);
  expect_is(source->get({WeightRole::kKeyNorm, 0}), "model.layers.0.self_attn.k_norm.weight", 1, 4);
}

TEST_F(OpenCheckpoint, ReadsAllComputeTypesAtAnyAlignment) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    for (const char* padding : {"", "x", "xx", "xxx"}) {
      Tensors tensors = test::olmoe_tensors();
      tensors[std::string("a.unused.") + padding] = {1};  // shifts the data by the header's length
      write(test::olmoe_config(), tensors, dtype);
      const auto source = open();
      ASSERT_NE(source, nullptr);
      const auto view = source->get({WeightRole::kExpertUp, 1, 0});
      EXPECT_EQ(view->dtype, dtype);
      expect_is(view, "model.layers.1.mlp.experts.0.up_proj.weight", 6, 8);
    }
  }
}

TEST_F(OpenCheckpoint, SlicesFusedExperts) {
  for (const bool mixtral : {false, true}) {
    Tensors tensors = mixtral ? test::mixtral_tensors() : test::qwen3_tensors();
    std::erase_if(tensors, [](const auto& tensor) {
      return tensor.first.find(".experts.") != std::string::npos ||
             tensor.first.find("block_sparse_moe") != std::string::npos;
    });
    for (const std::string layer : {"0", "1"}) {
      const std::string mlp = "model.layers." + layer + ".mlp.";
      tensors[mlp + "gate.weight"] = {3, 8};
      tensors[mlp + "experts.gate_up_proj"] = {3, 12, 8};
      tensors[mlp + "experts.down_proj"] = {3, 8, 6};
    }
    write(mixtral ? test::mixtral_config() : test::qwen3_config(), tensors);
    const auto source = open();
    ASSERT_NE(source, nullptr);
    const std::string fused = "model.layers.1.mlp.experts.";
    expect_is(source->get({WeightRole::kExpertGate, 1, 2}), fused + "gate_up_proj", 6, 8, 2 * 96);
    expect_is(source->get({WeightRole::kExpertUp, 1, 2}), fused + "gate_up_proj", 6, 8,
              2 * 96 + 48);
    expect_is(source->get({WeightRole::kExpertDown, 1, 2}), fused + "down_proj", 8, 6, 2 * 48);
  }
}

TEST_F(OpenCheckpoint, GivesDenseLayersTheirMlp) {
  auto config = test::qwen3_config();
  config["mlp_only_layers"] = {0};
  config["intermediate_size"] = 7;
  Tensors tensors = test::qwen3_tensors();
  std::erase_if(tensors,
                [](const auto& tensor) { return tensor.first.starts_with("model.layers.0.mlp."); });
  tensors["model.layers.0.mlp.gate_proj.weight"] = {7, 8};
  tensors["model.layers.0.mlp.up_proj.weight"] = {7, 8};
  tensors["model.layers.0.mlp.down_proj.weight"] = {8, 7};
  write(config, tensors);
  const auto source = open();
  ASSERT_NE(source, nullptr);
  expect_is(source->get({WeightRole::kDenseDown, 0}), "model.layers.0.mlp.down_proj.weight", 8, 7);
  EXPECT_EQ(source->get({WeightRole::kGate, 0}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(source->get({WeightRole::kExpertUp, 0, 0}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(source->get({WeightRole::kDenseDown, 1}).error().code, ErrorCode::kNotFound);
}

TEST_F(OpenCheckpoint, UsesTheEmbeddingAsTiedHead) {
  auto config = test::qwen3_config();
  config["tie_word_embeddings"] = true;
  Tensors tensors = test::qwen3_tensors();
  tensors.erase("lm_head.weight");
  write(config, tensors);
  const auto source = open();
  ASSERT_NE(source, nullptr);
  expect_is(source->get({WeightRole::kHead}), "model.embed_tokens.weight", 10, 8);
}

TEST_F(OpenCheckpoint, CountsOnlyTheBytesThatWereAskedFor) {
  write(test::qwen3_config(), test::qwen3_tensors());
  const auto source = open();
  ASSERT_NE(source, nullptr);
  EXPECT_EQ(source->bytes_read(), 0U);
  ASSERT_TRUE(source->get({WeightRole::kExpertUp, 0, 1}));
  ASSERT_TRUE(source->get({WeightRole::kExpertDown, 0, 1}));
  EXPECT_EQ(source->bytes_read(), 2U * 6 * 8 * 2);
  source->release();
  EXPECT_EQ(source->bytes_read(), 2U * 6 * 8 * 2);
  expect_is(source->get({WeightRole::kExpertUp, 0, 1}),
            "model.layers.0.mlp.experts.1.up_proj.weight", 6, 8);
}

TEST_F(OpenCheckpoint, RefusesIdsOutsideTheModel) {
  write(test::qwen3_config(), test::qwen3_tensors());
  const auto source = open();
  ASSERT_NE(source, nullptr);
  for (const WeightId& id : {WeightId{WeightRole::kQuery, 2}, WeightId{WeightRole::kExpertUp, 0, 3},
                             WeightId{WeightRole::kExpertUp, std::size_t{1} << 24, 0},
                             WeightId{WeightRole::kDenseUp, 0}}) {
    EXPECT_EQ(source->get(id).error().code, ErrorCode::kNotFound);
  }
}

TEST_F(OpenCheckpoint, NoticesAFileThatShrankLater) {
  write(test::qwen3_config(), test::qwen3_tensors());
  const auto source = open();
  ASSERT_NE(source, nullptr);
  std::filesystem::resize_file(directory_.file("model.safetensors"), 100);
  EXPECT_EQ(source->get({WeightRole::kFinalNorm}).error().code, ErrorCode::kIo);
}

TEST_F(OpenCheckpoint, NamesAMissingTensor) {
  Tensors tensors = test::qwen3_tensors();
  tensors.erase("model.layers.1.mlp.experts.2.up_proj.weight");
  write(test::qwen3_config(), tensors);
  const Problem found = problem();
  EXPECT_EQ(found.code, ErrorCode::kNotFound);
  EXPECT_THAT(found.message, HasSubstr("model.layers.1.mlp.experts.2.up_proj.weight"));
  EXPECT_THAT(found.message, HasSubstr(directory_.path()));
}

TEST_F(OpenCheckpoint, NamesATensorOfAnotherShape) {
  Tensors tensors = test::qwen3_tensors();
  tensors["model.layers.0.self_attn.k_proj.weight"] = {8, 8};
  write(test::qwen3_config(), tensors);
  const Problem found = problem();
  EXPECT_EQ(found.code, ErrorCode::kBadInput);
  EXPECT_THAT(found.message, HasSubstr("model.layers.0.self_attn.k_proj.weight"));
  EXPECT_THAT(found.message, HasSubstr("[8, 8]"));
  EXPECT_THAT(found.message, HasSubstr("[4, 8]"));
  tensors["model.layers.0.self_attn.k_proj.weight"] = {32};
  write(test::qwen3_config(), tensors);
  EXPECT_EQ(problem().code, ErrorCode::kBadInput);
}

TEST_F(OpenCheckpoint, NamesATensorOfATypeItCannotUse) {
  write(test::qwen3_config(), test::qwen3_tensors());
  std::string file = test::read_file(directory_.file("model.safetensors"));
  const std::size_t at = file.find("\"BF16\"", file.find("\"model.norm.weight\"") - 80);
  file.replace(at, 6, "\"I16\" ");
  test::write_file(directory_.file("model.safetensors"), file);
  const Problem found = problem();
  EXPECT_EQ(found.code, ErrorCode::kUnsupported);
  EXPECT_THAT(found.message, HasSubstr("I16"));
}

TEST_F(OpenCheckpoint, ListsAllProblemsAtOnce) {
  Tensors tensors = test::qwen3_tensors();
  tensors.erase("model.norm.weight");
  tensors.erase("lm_head.weight");
  tensors["model.layers.0.mlp.gate.weight"] = {4, 8};
  write(test::qwen3_config(), tensors);
  const auto problems = check_checkpoint(directory_.path());
  EXPECT_EQ(problems.size(), 3U);
  EXPECT_EQ(open_checkpoint(directory_.path()).error().message, problems.front().message);
}

TEST_F(OpenCheckpoint, NamesAMissingOrBrokenDirectory) {
  EXPECT_EQ(check_checkpoint(directory_.file("nowhere")).size(), 1U);
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("config.json"), HasSubstr("model.safetensors")));
  test::write_file(directory_.file("config.json"), test::qwen3_config().dump());
  EXPECT_EQ(check_checkpoint(directory_.path()).size(), 1U);  // one, not one a tensor
  EXPECT_THAT(problem().message, HasSubstr("model.safetensors"));
  test::write_file(directory_.file("model.safetensors"), "short");
  EXPECT_EQ(problem().code, ErrorCode::kBadInput);
  test::write_file(directory_.file("config.json"), "{");
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("config.json: not valid JSON at its end"),
                                      HasSubstr("model.safetensors")));
}

TEST_F(OpenCheckpoint, NoFileHidesWhatIsWrongWithAnother) {
  Tensors tensors = test::qwen3_tensors();
  tensors.erase("model.norm.weight");
  write(test::qwen3_config(), tensors);
  const std::string generation = directory_.file("generation_config.json");
  test::write_file(generation, "{\"a\":");
  EXPECT_THAT(messages(), ElementsAre(generation + ": not valid JSON at its end",
                                      HasSubstr("model.norm.weight")));
  test::write_file(generation, R"({"eos_token_id": 10})");  // vocabulary is 10
  EXPECT_THAT(messages(),
              ElementsAre(HasSubstr("generation_config.json"), HasSubstr("model.norm.weight")));
  test::write_file(directory_.file("config.json"), "{}");
  test::write_file(generation, "[]");
  test::write_file(directory_.file("model.safetensors"), "short");
  EXPECT_THAT(messages(),
              ElementsAre(HasSubstr("/config.json"), HasSubstr("generation_config.json"),
                          HasSubstr("model.safetensors")));
}

TEST_F(OpenCheckpoint, FindsEveryTensorWithValuesThatAreNotFinite) {
  write(test::qwen3_config(), test::qwen3_tensors());
  const auto source = open();
  ASSERT_NE(source, nullptr);
  ProblemList none(10);
  std::size_t calls = 0;
  const auto count = [&calls](std::size_t done, std::size_t) { EXPECT_EQ(done, calls++); };
  ASSERT_TRUE(check_values(*source, none, count));
  EXPECT_TRUE(none.empty());
  EXPECT_GT(calls, 30U);

  std::string file = test::read_file(directory_.file("model.safetensors"));
  const std::size_t end = file.size();
  file.replace(end - 2, 2, "\x80\x7f");          // the last tensor's last element: infinity
  file.replace(end - 2 * 8 * 2, 2, "\xc1\x7f");  // another tensor's: NaN
  test::write_file(directory_.file("model.safetensors"), file);
  ProblemList found(10);
  ASSERT_TRUE(check_values(*open(), found, [](std::size_t, std::size_t) {}));
  std::vector<std::string> texts;
  for (const auto& each : found.kept()) texts.push_back(each.message);
  EXPECT_EQ(texts.size(), 2U) << ::testing::PrintToString(texts);
  EXPECT_THAT(texts, Each(HasSubstr("is not finite")));
  EXPECT_THAT(texts, Each(HasSubstr("model.safetensors: tensor \"model.")));
}

}  // namespace
}  // namespace switchyard::model
