#include "runtime/routing/json_file.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/json_text.h"
#include "runtime/routing/limits.h"

namespace switchyard::routing {
namespace {

[[nodiscard]] Result<nlohmann::json> read_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "{}: {}", path, std::strerror(errno));
  std::string text;
  std::vector<char> block(65536);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > kFileBytesMax) {
      return fail(ErrorCode::kLimit, "{}: more than {} bytes", path, kFileBytesMax);
    }
  }
  if (file.bad()) return fail(ErrorCode::kIo, "{}: cannot be read", path);
  SY_ASSIGN(auto value, parse_json_text<nlohmann::json>(text, path));
  if (!value.is_array()) return fail(ErrorCode::kBadInput, "{}: expected a JSON list", path);
  return value;
}

}  // namespace

Result<std::vector<std::size_t>> read_whole_list(const std::string& path, std::size_t low,
                                                 std::size_t high) {
  SY_ASSIGN(const nlohmann::json list, read_json(path));
  std::vector<std::size_t> out;
  for (const auto& item : list) {
    if (!item.is_number_unsigned() || item.get<std::size_t>() < low ||
        item.get<std::size_t>() > high) {
      return fail(ErrorCode::kBadInput, "{}: item {}: expected a whole number {}..{}", path,
                  out.size(), low, high);
    }
    out.push_back(item.get<std::size_t>());
  }
  return out;
}

Result<std::vector<float>> read_matrix(const std::string& path, std::size_t rows,
                                       std::size_t cols) {
  SY_ASSIGN(const nlohmann::json list, read_json(path));
  if (list.size() != rows) {
    return fail(ErrorCode::kBadInput, "{}: {} lists, expected {}", path, list.size(), rows);
  }
  std::vector<float> out;
  for (std::size_t r = 0; r < rows; ++r) {
    if (!list[r].is_array() || list[r].size() != cols) {
      return fail(ErrorCode::kBadInput, "{}: list {}: expected {} numbers", path, r, cols);
    }
    for (const auto& item : list[r]) {
      const float value = item.is_number() ? item.get<float>() : NAN;
      if (!std::isfinite(value)) {
        return fail(ErrorCode::kBadInput, "{}: list {}: expected finite numbers", path, r);
      }
      out.push_back(value);
    }
  }
  return out;
}

}  // namespace switchyard::routing
