#include "tests/unit/model/checkpoint_fixture.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace switchyard::model::test {
namespace {

using nlohmann::json;

json base_config() {
  return {{"vocab_size", 10},         {"hidden_size", 8},         {"num_hidden_layers", 2},
          {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"max_position_embeddings", 64},
          {"num_experts_per_tok", 2}, {"hidden_act", "silu"},     {"torch_dtype", "bfloat16"}};
}

Tensors base_tensors() {
  Tensors tensors = {{"model.embed_tokens.weight", {10, 8}},
                     {"lm_head.weight", {10, 8}},
                     {"model.norm.weight", {8}}};
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    tensors[at + "input_layernorm.weight"] = {8};
    tensors[at + "post_attention_layernorm.weight"] = {8};
    tensors[at + "self_attn.q_proj.weight"] = {8, 8};
    tensors[at + "self_attn.k_proj.weight"] = {4, 8};
    tensors[at + "self_attn.v_proj.weight"] = {4, 8};
    tensors[at + "self_attn.o_proj.weight"] = {8, 8};
  }
  return tensors;
}

void add_experts(Tensors& tensors, const std::string& block,
                 const std::vector<std::string>& names) {
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + "." + block + ".";
    tensors[at + "gate.weight"] = {3, 8};
    for (int expert = 0; expert < 3; ++expert) {
      const std::string e = at + "experts." + std::to_string(expert) + ".";
      tensors[e + names[0] + ".weight"] = {6, 8};
      tensors[e + names[1] + ".weight"] = {6, 8};
      tensors[e + names[2] + ".weight"] = {8, 6};
    }
  }
}

void add_qk_norms(Tensors& tensors, std::size_t query, std::size_t key) {
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".self_attn.";
    tensors[at + "q_norm.weight"] = {query};
    tensors[at + "k_norm.weight"] = {key};
  }
}

std::string encode(float value, DType dtype) {
  if (dtype == DType::kF32) return std::string(reinterpret_cast<const char*>(&value), 4);
  std::uint16_t bits = to_bf16(value).bits;
  if (dtype == DType::kF16) {
    // Enough for whole numbers below 2048: find the half whose value is this one.
    for (std::uint32_t candidate = 0; candidate < 0x10000; ++candidate) {
      if (to_float(Fp16{static_cast<std::uint16_t>(candidate)}) == value) {
        bits = static_cast<std::uint16_t>(candidate);
        break;
      }
    }
  }
  return std::string(reinterpret_cast<const char*>(&bits), 2);
}

}  // namespace

TempDirectory::TempDirectory() {
  std::string pattern = ::testing::TempDir() + "switchyard-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << pattern;
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::string read_file(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::string raw_safetensors(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header +
         std::string(data_bytes, '\0');
}

json qwen3_config() {
  json config = base_config();
  config.update({{"model_type", "qwen3_moe"},
                 {"architectures", {"Qwen3MoeForCausalLM"}},
                 {"num_experts", 3},
                 {"moe_intermediate_size", 6},
                 {"norm_topk_prob", true}});
  return config;
}

json mixtral_config() {
  json config = base_config();
  config.update({{"model_type", "mixtral"},
                 {"architectures", {"MixtralForCausalLM"}},
                 {"num_local_experts", 3},
                 {"intermediate_size", 6}});
  return config;
}

json olmoe_config() {
  json config = base_config();
  config.update({{"model_type", "olmoe"},
                 {"architectures", {"OlmoeForCausalLM"}},
                 {"num_experts", 3},
                 {"intermediate_size", 6}});
  return config;
}

Tensors qwen3_tensors() {
  Tensors tensors = base_tensors();
  add_experts(tensors, "mlp", {"gate_proj", "up_proj", "down_proj"});
  add_qk_norms(tensors, 4, 4);
  return tensors;
}

Tensors mixtral_tensors() {
  Tensors tensors = base_tensors();
  add_experts(tensors, "block_sparse_moe", {"w1", "w3", "w2"});
  return tensors;
}

Tensors olmoe_tensors() {
  Tensors tensors = base_tensors();
  add_experts(tensors, "mlp", {"gate_proj", "up_proj", "down_proj"});
  add_qk_norms(tensors, 8, 4);
  return tensors;
}

float value_of(const std::string& tensor, std::size_t i) {
  std::size_t hash = 7;
  for (const char c : tensor) hash = (hash * 31 + static_cast<unsigned char>(c)) % 1'000'003;
  return static_cast<float>((hash + 17 * i) % 251) - 125.0F;
}

std::string model_bytes(const Tensors& tensors, DType dtype) {
  const char* type = dtype == DType::kF32 ? "F32" : dtype == DType::kF16 ? "F16" : "BF16";
  json header = json::object();
  std::string data;
  for (const auto& [name, shape] : tensors) {
    std::size_t elements = 1;
    for (const std::size_t extent : shape) elements *= extent;
    const std::size_t begin = data.size();
    for (std::size_t i = 0; i < elements; ++i) data += encode(value_of(name, i), dtype);
    header[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  return raw_safetensors(header.dump(), 0) + data;
}

void write_model(const std::string& directory, const json& config, const Tensors& tensors,
                 DType dtype) {
  write_file(directory + "/config.json", config.dump());
  write_file(directory + "/model.safetensors", model_bytes(tensors, dtype));
}

float element(const kernels::WeightView& view, std::size_t i) {
  if (view.dtype == DType::kF32) {
    float value = 0;
    std::memcpy(&value, view.data + 4 * i, 4);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, view.data + 2 * i, 2);
  return view.dtype == DType::kBf16 ? to_float(Bf16{bits}) : to_float(Fp16{bits});
}

}  // namespace switchyard::model::test
