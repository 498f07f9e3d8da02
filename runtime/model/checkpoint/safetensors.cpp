#include "runtime/model/checkpoint/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "runtime/model/checkpoint/json_fields.h"

namespace switchyard::model {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kDepthMax = 4;  // the format nests three levels: file, tensor, list

std::uint64_t read_u64_le(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    value |= static_cast<std::uint64_t>(std::to_integer<std::uint8_t>(bytes[i])) << (8 * i);
  }
  return value;
}

// Bytes of a tensor, or nothing on overflow or where sub-byte elements do not fill whole bytes.
std::optional<std::size_t> tensor_bytes(const std::vector<std::size_t>& shape, std::size_t bits) {
  std::size_t total_bits = bits;
  for (const std::size_t extent : shape) {
    if (__builtin_mul_overflow(total_bits, extent, &total_bits)) return std::nullopt;
  }
  if (total_bits % 8 != 0) return std::nullopt;
  return total_bits / 8;
}

Result<std::vector<std::size_t>> read_list(const JsonFields& fields, const char* key) {
  const json* value = fields.find(key);
  if (value == nullptr) return fields.problem(ErrorCode::kBadInput, key, "missing");
  if (!value->is_array()) {
    return fields.problem(ErrorCode::kBadInput, key, "expected a list of whole numbers");
  }
  return fields.counts(key);
}

// One entry; offsets are still relative to the data section.
Result<TensorEntry> read_entry(const std::string& name, const json& object,
                               std::string_view place) {
  if (!object.is_object()) {
    return fail(ErrorCode::kBadInput, "{}: tensor {}: expected an object, got {}", place,
                quote_name(name), object.type_name());
  }
  const JsonFields fields(object, fmt::format("{}: tensor {}", place, quote_name(name)));
  TensorEntry entry;
  entry.name = name;
  SY_ASSIGN(const std::string type_name, fields.text("dtype"));
  entry.type = find_element_type(type_name);
  if (entry.type == nullptr) {
    return fields.problem(ErrorCode::kBadInput, "dtype",
                          fmt::format("unknown type {}", quote_name(type_name)));
  }
  SY_ASSIGN(entry.shape, read_list(fields, "shape"));
  SY_ASSIGN(const std::vector<std::size_t> offsets, read_list(fields, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return fields.problem(
        ErrorCode::kBadInput, "data_offsets",
        fmt::format("expected [begin, end] with begin <= end, got {}", shape_text(offsets)));
  }
  entry.begin_offset = offsets[0];
  entry.bytes = offsets[1] - offsets[0];
  const auto needed = tensor_bytes(entry.shape, entry.type->bits);
  if (!needed) {
    return fields.problem(ErrorCode::kBadInput, "shape",
                          fmt::format("{} of {} overflows or fills no whole number of bytes",
                                      shape_text(entry.shape), entry.type->name));
  }
  if (*needed != entry.bytes) {
    return fields.problem(
        ErrorCode::kBadInput, "data_offsets",
        fmt::format("{} hold {} bytes, but {} of {} needs {}", shape_text(offsets), entry.bytes,
                    shape_text(entry.shape), entry.type->name, *needed));
  }
  return entry;
}

Result<void> check_metadata(const json& metadata, std::string_view place) {
  if (!metadata.is_object()) {
    return fail(ErrorCode::kBadInput, "{}: __metadata__: expected an object, got {}", place,
                metadata.type_name());
  }
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string()) {
      return fail(ErrorCode::kBadInput, "{}: __metadata__: {}: expected a string, got {}", place,
                  quote_name(key), value.type_name());
    }
  }
  return {};
}

// The tensors must tile the data section exactly. `entries` are in file order.
Result<void> check_tiling(const std::vector<TensorEntry>& entries, std::size_t data_bytes,
                          std::string_view place) {
  std::size_t end = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin_offset != end) {
      return fail(ErrorCode::kBadInput,
                  "{}: tensor {}: begins at {}, but the data before it ends at {} ({})", place,
                  quote_name(entry.name), entry.begin_offset, end,
                  entry.begin_offset < end ? "overlap" : "hole");
    }
    end += entry.bytes;  // end <= the largest end offset in the file: no overflow
    if (end > data_bytes) {
      return fail(ErrorCode::kBadInput,
                  "{}: tensor {}: ends at {}, but the file holds {} bytes of data: truncated",
                  place, quote_name(entry.name), end, data_bytes);
    }
  }
  if (end != data_bytes) {
    return fail(ErrorCode::kBadInput,
                "{}: {} bytes of data, but the last tensor ends at {}: trailing bytes", place,
                data_bytes, end);
  }
  return {};
}

// The JSON text of the header, its length checked against the file.
Result<std::string_view> header_text(Bytes file, std::size_t file_bytes, std::string_view place) {
  if (file_bytes < kLengthBytes || file.size() < kLengthBytes) {
    return fail(ErrorCode::kBadInput, "{}: {} bytes: too short for a safetensors header", place,
                file_bytes);
  }
  const std::uint64_t header_bytes = read_u64_le(file);
  if (header_bytes > kSafetensorsHeaderBytesMax) {
    return fail(ErrorCode::kLimit, "{}: header of {} bytes; the format allows {}", place,
                header_bytes, kSafetensorsHeaderBytesMax);
  }
  if (header_bytes > file_bytes - kLengthBytes || header_bytes > file.size() - kLengthBytes) {
    return fail(ErrorCode::kBadInput, "{}: header of {} bytes in a file of {}: truncated", place,
                header_bytes, file_bytes);
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              header_bytes);
  if (text.empty() || text.front() != '{') {
    return fail(ErrorCode::kBadInput, "{}: the header does not begin with '{{'", place);
  }
  return text;
}

}  // namespace

TensorDirectory::TensorDirectory(std::vector<TensorEntry> tensors) : tensors_(std::move(tensors)) {
  index_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const bool added = index_.emplace(tensors_[i].name, i).second;
    SY_CHECK(added, "tensor {} twice", tensors_[i].name);
  }
}

const TensorEntry* TensorDirectory::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<TensorDirectory> parse_safetensors_header(Bytes file, std::size_t file_bytes,
                                                 std::string_view place) {
  SY_ASSIGN(const std::string_view text, header_text(file, file_bytes, place));
  SY_ASSIGN(const json header,
            parse_json_object(text, place, {kSafetensorsHeaderBytesMax, kDepthMax}));
  std::vector<TensorEntry> entries;
  entries.reserve(header.size());
  for (const auto& [name, object] : header.items()) {
    if (name == "__metadata__") {
      SY_TRY(check_metadata(object, place));
      continue;
    }
    SY_ASSIGN(TensorEntry entry, read_entry(name, object, place));
    entries.push_back(std::move(entry));
  }
  // Empty tensors share their offset with a neighbour; the smaller one goes first.
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin_offset, a.bytes) < std::pair(b.begin_offset, b.bytes);
  });
  const std::size_t data_begin = kLengthBytes + text.size();
  SY_TRY(check_tiling(entries, file_bytes - data_begin, place));
  for (TensorEntry& entry : entries) entry.begin_offset += data_begin;
  return TensorDirectory(std::move(entries));
}

}  // namespace switchyard::model
