// runtime/model/checkpoint/safetensors.h -- the header of a safetensors file as a checked
// directory. A pure function of bytes: it opens nothing and reads no tensor data. Format: u64
// little-endian header length N, N bytes of JSON, then the tensors back to back, row-major and
// little-endian. Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/model/checkpoint/element_type.h"

namespace switchyard::model {

inline constexpr std::size_t kSafetensorsHeaderBytesMax = 100'000'000;  // the format's own limit

struct TensorEntry {
  std::string name;
  const ElementType* type = nullptr;
  std::vector<std::size_t> shape;  // [] for a scalar
  std::size_t begin_offset = 0;    // bytes from the start of the file
  std::size_t bytes = 0;
};

class TensorDirectory {
 public:
  // Tensors must have distinct names.
  explicit TensorDirectory(std::vector<TensorEntry> tensors);

  // In file order.
  [[nodiscard]] const std::vector<TensorEntry>& tensors() const noexcept { return tensors_; }
  // nullptr where there is none of this name.
  [[nodiscard]] const TensorEntry* find(const std::string& name) const;

 private:
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

// `file`: the first bytes of the file, at least its header; `file_bytes`: its whole length;
// `place`: its path for messages. Checked: the header's length and nesting, unique keys, known
// types, sizes equal to the product of the shape, tensors back to back without holes or overlaps
// from the end of the header to the end of the file. Errors: kBadInput or kLimit, naming place,
// tensor and the numbers that disagree.
[[nodiscard]] Result<TensorDirectory> parse_safetensors_header(Bytes file, std::size_t file_bytes,
                                                               std::string_view place);

// "[2, 3]".
[[nodiscard]] std::string shape_text(const std::vector<std::size_t>& shape);

}  // namespace switchyard::model
