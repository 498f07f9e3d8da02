// tests/unit/model/tokenizer_document.h -- a small tokenizer.json for tests to start from and to
// spoil: 256 bytes, the tokens ab, abab and cab, two added tokens after a hole. GPT-2's splitting.
// And one as SentencePiece's converters write it: <unk>, <s>, 256 bytes, a mark for spaces.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/model/bpe/byte_alphabet.h"

namespace switchyard::model {

inline constexpr std::uint32_t kEnd = 300;   // "<e>", special
inline constexpr std::uint32_t kEndX = 301;  // "<e>x", not special

// The id of a byte or of one of the three words.
inline std::uint32_t id_of(const std::string& token) {
  if (token == "ab") return 256;
  if (token == "abab") return 257;
  if (token == "cab") return 258;
  return static_cast<unsigned char>(token.at(0));
}

inline nlohmann::json added_token(std::uint32_t id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

inline nlohmann::json byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
}

inline nlohmann::json split_by(const std::string& regex) {
  nlohmann::json bytes = byte_level();
  bytes["use_regex"] = false;
  const nlohmann::json split = {{"type", "Split"},
                                {"pattern", {{"Regex", regex}}},
                                {"behavior", "Isolated"},
                                {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
}

inline nlohmann::json template_of(const std::string& token, std::uint32_t id) {
  const nlohmann::json special = {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  const nlohmann::json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  return {{"type", "TemplateProcessing"},
          {"single", {special, text}},
          {"special_tokens", {{token, {{"id", token}, {"ids", {id}}}}}}};
}

inline nlohmann::json tokenizer_document() {
  const bpe::ByteAlphabet alphabet;
  nlohmann::json vocab = nlohmann::json::object();
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab[alphabet.symbol(static_cast<std::uint8_t>(byte))] = byte;
  }
  vocab["ab"] = 256;
  vocab["abab"] = 257;
  vocab["cab"] = 258;
  return {{"added_tokens", {added_token(kEnd, "<e>", true), added_token(kEndX, "<e>x", false)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level()},
          {"post_processor", nullptr},
          {"decoder", byte_level()},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", {"a b", "ab ab"}}}}};
}

inline constexpr std::uint32_t kMark = 258;    // a space
inline constexpr std::uint32_t kA = 259;       // "a"
inline constexpr std::uint32_t kB = 260;       // "b"
inline constexpr std::uint32_t kMarkA = 261;   // " a"
inline constexpr std::uint32_t kBMarkA = 262;  // "b a"
inline constexpr std::uint32_t kAcute = 263;   // "é"

// The token of a byte in marked_document().
inline std::uint32_t fallback_id(unsigned char byte) { return 2U + byte; }

inline nlohmann::json replace_by(const std::string& from, const std::string& to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

// The normalizer of files of before 2024.
inline nlohmann::json mark_normalizer() {
  return {
      {"type", "Sequence"},
      {"normalizers", {{{"type", "Prepend"}, {"prepend", "\u2581"}}, replace_by(" ", "\u2581")}}};
}

// The pre_tokenizer of later ones.
inline nlohmann::json metaspace(const std::string& scheme) {
  return {{"type", "Metaspace"},
          {"replacement", "\u2581"},
          {"prepend_scheme", scheme},
          {"split", false}};
}

inline nlohmann::json marked_document() {
  nlohmann::json vocab = {{"<unk>", 0}, {"<s>", 1}};
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab[fmt::format("<0x{:02X}>", byte)] = fallback_id(static_cast<unsigned char>(byte));
  }
  vocab["\u2581"] = kMark;
  vocab["a"] = kA;
  vocab["b"] = kB;
  vocab["\u2581a"] = kMarkA;
  vocab["b\u2581a"] = kBMarkA;
  vocab["\u00e9"] = kAcute;
  const nlohmann::json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const nlohmann::json decoders = {
      replace_by("\u2581", " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip};
  return {{"added_tokens", {added_token(0, "<unk>", true), added_token(1, "<s>", true)}},
          {"normalizer", mark_normalizer()},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocab},
            {"merges", {"\u2581 a", "b \u2581a"}}}}};
}

}  // namespace switchyard::model
