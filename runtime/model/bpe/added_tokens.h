// runtime/model/bpe/added_tokens.h -- finds a tokenizer's added tokens in text: the leftmost first,
// the longest of those that start at one place. A trie over bytes.
// Thread safety: shared const objects: safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace switchyard::model::bpe {

class AddedTokens {
 public:
  AddedTokens();
  // `content` is not empty. A second token of equal content replaces the first.
  void add(std::string_view content, std::uint32_t id);

  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint32_t id = 0;
  };
  // The first match at or after `from`.
  [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Node {
    std::uint32_t id = kNone;                                       // of the token that ends here
    std::vector<std::pair<unsigned char, std::uint32_t>> children;  // byte -> node
  };
  [[nodiscard]] std::uint32_t child(std::uint32_t node, unsigned char byte) const noexcept;

  std::vector<Node> nodes_;                     // nodes_[0] is the root
  std::array<std::uint32_t, 256> from_root_{};  // most bytes of a text start no token
};

}  // namespace switchyard::model::bpe
