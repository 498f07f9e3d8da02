#include "runtime/model/bpe/added_tokens.h"

#include "runtime/base/check.h"

namespace switchyard::model::bpe {

AddedTokens::AddedTokens() : nodes_(1) { from_root_.fill(kNone); }

std::uint32_t AddedTokens::child(std::uint32_t node, unsigned char byte) const noexcept {
  if (node == 0) return from_root_[byte];
  for (const auto& [label, next] : nodes_[node].children) {
    if (label == byte) return next;
  }
  return kNone;
}

void AddedTokens::add(std::string_view content, std::uint32_t id) {
  SY_CHECK(!content.empty());
  std::uint32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t next = child(node, byte);
    if (next == kNone) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
      if (node == 0) {
        from_root_[byte] = next;
      } else {
        nodes_[node].children.emplace_back(byte, next);
      }
    }
    node = next;
  }
  nodes_[node].id = id;
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    std::optional<Match> longest;
    std::uint32_t node = 0;
    for (std::size_t end = begin; end < text.size(); ++end) {
      node = child(node, static_cast<unsigned char>(text[end]));
      if (node == kNone) break;
      if (nodes_[node].id != kNone) longest = Match{begin, end + 1, nodes_[node].id};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace switchyard::model::bpe
