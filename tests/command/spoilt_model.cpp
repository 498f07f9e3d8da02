#include "tests/command/spoilt_model.h"

#include <cstdint>
#include <cstring>
#include <filesystem>

namespace switchyard::tests {

std::string model_copy(const ScratchFolder& scratch, const std::string& from) {
  std::filesystem::copy(source_path(from), scratch.path("model"));
  return scratch.path("model");
}

void edit_header(const ScratchFolder& scratch, const std::function<void(nlohmann::json&)>& edit) {
  const auto file = read_file(scratch.path("model/model.safetensors"));
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, file.data(), sizeof bytes);
  auto header = nlohmann::json::parse(file.substr(8, bytes));
  edit(header);
  const auto text = header.dump();
  const std::uint64_t text_bytes = text.size();
  static_cast<void>(
      scratch.write("model/model.safetensors",
                    std::string(reinterpret_cast<const char*>(&text_bytes), sizeof text_bytes) +
                        text + file.substr(8 + bytes)));
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
