#include "runtime/model/checkpoint/safetensors_writer.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/output_file.h"
#include "runtime/model/checkpoint/json_fields.h"

namespace switchyard::model {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are written as they lie in memory");

std::string_view chars(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> check_names(const std::vector<TensorToWrite>& tensors, const std::string& path) {
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const TensorToWrite& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    return fail(ErrorCode::kBadInput, "{}: two tensors are named {}", path, quote_name(*twice));
  }
  if (std::binary_search(names.begin(), names.end(), "__metadata__")) {
    return fail(ErrorCode::kBadInput, "{}: a tensor may not be named __metadata__", path);
  }
  return {};
}

// Header text, its members in the order of `tensors`, padded so that the data is 8-byte aligned.
Result<std::string> header_text(const std::vector<TensorToWrite>& tensors,
                                const std::map<std::string, std::string>& metadata,
                                const std::string& path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t end = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::size_t begin = end;
    end += tensor.data.size();
    header[tensor.name] = {
        {"dtype", tensor.type->name}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::kBadInput, "{}: the name of a tensor is not UTF-8", path);
  }
}

}  // namespace

TensorToWrite fp32_tensor(std::string name, std::vector<std::size_t> shape,
                          std::span<const float> values) {
  return {std::move(name), &element_type_of(DType::kF32), std::move(shape), std::as_bytes(values)};
}

Result<void> write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata) {
  for (const TensorToWrite& tensor : tensors) {
    std::size_t bits = tensor.type->bits;
    for (const std::size_t extent : tensor.shape) bits *= extent;
    SY_CHECK(bits == tensor.data.size() * 8, "tensor {}: {} bytes for {} bits", tensor.name,
             tensor.data.size(), bits);
  }
  SY_TRY(check_names(tensors, path));
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    return a.type->bits != b.type->bits ? a.type->bits > b.type->bits : a.name < b.name;
  });
  SY_ASSIGN(const std::string header, header_text(tensors, metadata, path));
  const std::uint64_t header_bytes = header.size();
  SY_ASSIGN(auto file, OutputFile::create(path));
  file.write(chars(std::as_bytes(std::span(&header_bytes, 1))));
  file.write(header);
  for (const TensorToWrite& tensor : tensors) file.write(chars(tensor.data));
  return file.finish();
}

}  // namespace switchyard::model
