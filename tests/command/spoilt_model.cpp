#include "tests/command/spoilt_model.h"

#include <cstdint>
#include <cstring>
#include <filesystem>

namespace switchyard::tests {

std::string model_copy(const ScratchFolder& scratch) {
  std::filesystem::copy(source_path("configs/models/tiny-qwen3moe"), scratch.path("model"));
  return scratch.path("model");
}

void spoil_tensor(const ScratchFolder& scratch, const std::string& tensor, std::size_t first,
                  std::size_t count, const std::string& bf16) {
  auto file = read_file(scratch.path("model/model.safetensors"));
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  const auto fields = nlohmann::json::parse(file.substr(8, header));
  const auto begin = fields.at(tensor).at("data_offsets").at(0).get<std::size_t>();
  for (std::size_t i = first; i < first + count; ++i) {
    file.replace(8 + header + begin + 2 * i, 2, bf16);
  }
  static_cast<void>(scratch.write("model/model.safetensors", file));
}

}  // namespace switchyard::tests
