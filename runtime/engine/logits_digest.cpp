#include "runtime/engine/logits_digest.h"

#include <fmt/format.h>

#include "runtime/base/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace switchyard::engine {

struct LogitsDigest::State {
  XXH3_state_t xxh;
};

LogitsDigest::LogitsDigest() : state_(std::make_unique<State>()) {
  SY_CHECK(XXH3_128bits_reset(&state_->xxh) == XXH_OK);
}
LogitsDigest::~LogitsDigest() = default;
LogitsDigest::LogitsDigest(LogitsDigest&&) noexcept = default;
LogitsDigest& LogitsDigest::operator=(LogitsDigest&&) noexcept = default;

void LogitsDigest::add(std::span<const float> logits) {
  const auto outcome = XXH3_128bits_update(&state_->xxh, logits.data(), logits.size_bytes());
  SY_CHECK(outcome == XXH_OK);
}

LogitsDigest::Value LogitsDigest::value() const {
  const auto digest = XXH3_128bits_digest(&state_->xxh);
  return {digest.high64, digest.low64};
}

std::string digest_text(std::uint64_t high, std::uint64_t low) {
  return fmt::format("{:016x}{:016x}", high, low);
}

}  // namespace switchyard::engine
