#include "tests/command/hollow_model.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace switchyard::tests {
namespace {

constexpr std::size_t kLayers = 2;
constexpr std::size_t kExperts = 32;
constexpr std::size_t kHidden = 1024;
constexpr std::size_t kInner = 1536;
constexpr std::size_t kHeads = 16;
constexpr std::size_t kKvHeads = 4;
constexpr std::size_t kHeadSize = 64;
constexpr std::size_t kVocab = 73728;

// The header of a safetensors file, and how much data is to follow.
class Header {
 public:
  // Returns the tensor's bytes.
  std::size_t add(const std::string& name, const std::vector<std::size_t>& shape) {
    std::size_t bytes = 2;
    for (const std::size_t size : shape) bytes *= size;
    json_[name] = {
        {"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {data_bytes_, data_bytes_ + bytes}}};
    data_bytes_ += bytes;
    return bytes;
  }
  // Writes the header; the data after it is one hole.
  void write(const ScratchFolder& scratch, const std::string& name) const {
    const auto text = json_.dump();
    const std::uint64_t text_bytes = text.size();
    const auto path = scratch.write(
        name, std::string(reinterpret_cast<const char*>(&text_bytes), sizeof text_bytes) + text);
    std::filesystem::resize_file(path, sizeof text_bytes + text_bytes + data_bytes_);
  }

 private:
  nlohmann::json json_;
  std::size_t data_bytes_ = 0;
};

nlohmann::json config() {
  auto config =
      nlohmann::json::parse(read_file(source_path("configs/models/tiny-qwen3moe/config.json")));
  config["tie_word_embeddings"] = false;
  config["num_hidden_layers"] = kLayers;
  config["num_experts"] = kExperts;
  config["hidden_size"] = kHidden;
  config["moe_intermediate_size"] = kInner;
  config["num_attention_heads"] = kHeads;
  config["num_key_value_heads"] = kKvHeads;
  config["head_dim"] = kHeadSize;
  config["vocab_size"] = kVocab;
  return config;
}

std::size_t add_attention(Header& header, const std::string& layer) {
  const auto self = layer + "self_attn.";
  std::size_t bytes = header.add(self + "q_proj.weight", {kHeads * kHeadSize, kHidden});
  bytes += header.add(self + "k_proj.weight", {kKvHeads * kHeadSize, kHidden});
  bytes += header.add(self + "v_proj.weight", {kKvHeads * kHeadSize, kHidden});
  bytes += header.add(self + "o_proj.weight", {kHidden, kHeads * kHeadSize});
  bytes += header.add(self + "q_norm.weight", {kHeadSize});
  bytes += header.add(self + "k_norm.weight", {kHeadSize});
  bytes += header.add(layer + "input_layernorm.weight", {kHidden});
  bytes += header.add(layer + "post_attention_layernorm.weight", {kHidden});
  return bytes + header.add(layer + "mlp.gate.weight", {kExperts, kHidden});
}

std::size_t add_experts(Header& header, const std::string& layer) {
  std::size_t bytes = 0;
  for (std::size_t e = 0; e < kExperts; ++e) {
    const auto expert = layer + "mlp.experts." + std::to_string(e) + ".";
    bytes += header.add(expert + "gate_proj.weight", {kInner, kHidden});
    bytes += header.add(expert + "up_proj.weight", {kInner, kHidden});
    bytes += header.add(expert + "down_proj.weight", {kHidden, kInner});
  }
  return bytes;
}

}  // namespace

HollowModel make_hollow_model(const ScratchFolder& scratch) {
  HollowModel model;
  model.path = scratch.path("hollow");
  Header header;
  model.router_bytes += header.add("model.embed_tokens.weight", {kVocab, kHidden});
  model.router_bytes += header.add("lm_head.weight", {kVocab, kHidden});
  model.router_bytes += header.add("model.norm.weight", {kHidden});
  for (std::size_t l = 0; l < kLayers; ++l) {
    const auto layer = "model.layers." + std::to_string(l) + ".";
    model.router_bytes += add_attention(header, layer);
    model.expert_bytes += add_experts(header, layer);
  }
  header.write(scratch, "hollow/model.safetensors");
  static_cast<void>(scratch.write("hollow/config.json", config().dump()));
  for (const char* name : {"tokenizer.json", "generation_config.json"}) {
    std::filesystem::copy(source_path(std::string("configs/models/tiny-qwen3moe/") + name),
                          model.path);
  }
  return model;
}

}  // namespace switchyard::tests
