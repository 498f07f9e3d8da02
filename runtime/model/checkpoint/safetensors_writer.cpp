#include "runtime/model/checkpoint/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "runtime/base/check.h"
#include "runtime/model/checkpoint/json_fields.h"

namespace switchyard::model {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are written as they lie in memory");

// A file under construction: removed on destruction unless it was given its final name.
class PartialFile {
 public:
  explicit PartialFile(const std::string& path)
      : path_(path), partial_path_(fmt::format("{}.partial.{}", path, ::getpid())) {
    descriptor_ = ::open(partial_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    failed_ = descriptor_ < 0 ? errno : 0;
    created_ = descriptor_ >= 0;
  }
  ~PartialFile() {
    if (descriptor_ >= 0) (void)::close(descriptor_);
    if (created_) (void)::unlink(partial_path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // Does nothing after a failure, which finish() reports.
  void write(Bytes bytes) {
    while (failed_ == 0 && !bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        failed_ = errno;
      }
    }
  }

  [[nodiscard]] Result<void> finish() {
    if (failed_ == 0 && ::close(std::exchange(descriptor_, -1)) != 0) failed_ = errno;
    if (failed_ == 0 && ::rename(partial_path_.c_str(), path_.c_str()) != 0) failed_ = errno;
    if (failed_ == 0) {
      created_ = false;
      return {};
    }
    return fail(ErrorCode::kIo, "{}: cannot write: {}", path_,
                std::generic_category().message(failed_));
  }

 private:
  std::string path_;
  std::string partial_path_;
  int descriptor_ = -1;
  int failed_ = 0;  // errno of the first failure
  bool created_ = false;
};

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
  PartialFile file(path);
  file.write(std::as_bytes(std::span(&header_bytes, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const TensorToWrite& tensor : tensors) file.write(tensor.data);
  return file.finish();
}

}  // namespace switchyard::model
