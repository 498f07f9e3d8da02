// runtime/engine/logits_digest.h -- a running fingerprint of logits, for comparing two runs by
// bits. XXH3 with 128 bits (xxHash, ADR 0004); not a cryptographic hash. Thread safety: distinct
// objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace switchyard::engine {

class LogitsDigest {
 public:
  LogitsDigest();
  ~LogitsDigest();
  LogitsDigest(LogitsDigest&&) noexcept;
  LogitsDigest& operator=(LogitsDigest&&) noexcept;

  void add(std::span<const float> logits);
  struct Value {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  [[nodiscard]] Value value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 32 hexadecimal digits.
[[nodiscard]] std::string digest_text(std::uint64_t high, std::uint64_t low);

}  // namespace switchyard::engine
