#include "runtime/model/tokenizer.h"

#include <filesystem>
#include <fstream>

#include "runtime/model/bpe/bpe_tokenizer.h"
#include "runtime/model/bpe/tokenizer_spec.h"

namespace switchyard::model {
namespace {

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory;
    return fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}", path, error.message());
  }
  if (bytes > bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes, the limit is {}", path, bytes, bytes_max);
  }
  std::string content(bytes, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(content.data(), static_cast<std::streamsize>(bytes))) {
    return fail(ErrorCode::kIo, "{}: cannot read {} bytes", path, bytes);
  }
  return content;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::parse(std::string_view json, std::string_view place) {
  const bpe::TokenizerLimits limits;
  SY_ASSIGN(const bpe::TokenizerSpec spec, bpe::read_tokenizer_spec(json, place, limits));
  return bpe::BpeTokenizer::create(spec, place, limits);
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::open(const std::string& directory) {
  const std::string path = (std::filesystem::path(directory) / "tokenizer.json").string();
  SY_ASSIGN(const std::string json, read_file(path, bpe::TokenizerLimits().file_bytes_max));
  return parse(json, path);
}

}  // namespace switchyard::model
