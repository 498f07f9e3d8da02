// runtime/model/tokenizer.h -- BPE as tokenizer.json stores it, byte-level or with SentencePiece's
// marks for spaces: text <-> token ids. Exact: encode then decode gives the bytes back, after what
// the file has put in front of a text (<s>, a space). Not a chat template.
// Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::model {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // `json`: the file's content; `place`: its path for messages.
  // Errors: kBadInput / kUnsupported naming place and key.
  [[nodiscard]] static Result<std::unique_ptr<Tokenizer>> parse(std::string_view json,
                                                                std::string_view place);
  // Errors: kNotFound when directory/tokenizer.json is missing, else as parse().
  [[nodiscard]] static Result<std::unique_ptr<Tokenizer>> open(const std::string& directory);

  [[nodiscard]] virtual std::size_t vocab() const noexcept = 0;
  // Added tokens in the text (e.g. <|endoftext|>) become their ids.
  // Errors: kBadInput with the byte offset of the first invalid UTF-8 sequence.
  [[nodiscard]] virtual Result<std::vector<std::uint32_t>> encode(std::string_view text) const = 0;
  // The bytes of the ids; a byte string that may end inside a UTF-8 sequence. Special tokens are
  // kept or skipped. Errors: kBadInput for an id outside the vocabulary.
  enum class Special { kKeep, kSkip };
  [[nodiscard]] virtual Result<std::string> decode(std::span<const std::uint32_t> ids,
                                                   Special special) const = 0;
};

}  // namespace switchyard::model
