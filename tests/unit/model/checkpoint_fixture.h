// tests/unit/model/checkpoint_fixture.h -- small checkpoints on disk, built tensor by tensor.
// Names and shapes are written out here and not asked from the code under test.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace switchyard::model::test {

// A fresh directory, removed with all it holds.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& content);
[[nodiscard]] std::string read_file(const std::string& path);

// Length, header, then `data_bytes` bytes of data.
[[nodiscard]] std::string raw_safetensors(const std::string& header, std::size_t data_bytes);

// Tensor name -> shape.
using Tensors = std::map<std::string, std::vector<std::size_t>>;

// Two layers, hidden 8, 2 query heads and 1 kv head of size 4, 3 experts of inner size 6,
// vocabulary 10.
[[nodiscard]] nlohmann::json qwen3_config();
[[nodiscard]] nlohmann::json mixtral_config();
[[nodiscard]] nlohmann::json olmoe_config();
[[nodiscard]] Tensors qwen3_tensors();
[[nodiscard]] Tensors mixtral_tensors();
[[nodiscard]] Tensors olmoe_tensors();

// Element i of a tensor: a whole number that every dtype holds exactly and that differs by name.
[[nodiscard]] float value_of(const std::string& tensor, std::size_t i);
// The content of a safetensors file with these tensors, in name order.
[[nodiscard]] std::string model_bytes(const Tensors& tensors, DType dtype = DType::kBf16);
// config.json and model.safetensors in `directory`.
void write_model(const std::string& directory, const nlohmann::json& config, const Tensors& tensors,
                 DType dtype = DType::kBf16);

// The element of a view, whatever its dtype and alignment.
[[nodiscard]] float element(const kernels::WeightView& view, std::size_t i);

}  // namespace switchyard::model::test
