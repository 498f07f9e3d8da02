#include "runtime/control/token_bytes.h"

namespace switchyard::control {
namespace {

constexpr std::size_t kTokenBytes = 4;

}  // namespace

std::vector<std::byte> tokens_to_bytes(const std::vector<std::uint32_t>& tokens) {
  std::vector<std::byte> out;
  out.reserve(kTokenBytes * tokens.size());
  for (const std::uint32_t token : tokens) {
    for (std::size_t i = 0; i < kTokenBytes; ++i) {
      out.push_back(static_cast<std::byte>(token >> (8 * i)));
    }
  }
  return out;
}

Result<std::vector<std::uint32_t>> tokens_of_bytes(Bytes bytes) {
  if (bytes.size() % kTokenBytes != 0) {
    return fail(ErrorCode::kPeer, "{} bytes are no whole number of tokens", bytes.size());
  }
  std::vector<std::uint32_t> out(bytes.size() / kTokenBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[i / kTokenBytes] |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * (i % kTokenBytes));
  }
  return out;
}

}  // namespace switchyard::control
