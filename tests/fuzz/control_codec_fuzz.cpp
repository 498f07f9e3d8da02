// Fuzzes the codec of control messages and of journal snapshots: what is accepted is canonical and
// within the limits.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "runtime/control/codec.h"
#include "runtime/control/snapshot_part.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const switchyard::Bytes frame(reinterpret_cast<const std::byte*>(data), size);
  if (switchyard::control::is_snapshot_part(frame)) {
    const auto part = switchyard::control::decode_part(frame);
    if (part && !std::ranges::equal(switchyard::control::encode_part(*part), frame)) std::abort();
    return 0;
  }
  const auto head = frame.first(std::min(size, switchyard::control::kFrameHeaderBytes));
  const auto header = switchyard::control::decode_header(head);
  if (!header) return 0;
  // The length is the fuzzer's own: a mutation of it would end every run here.
  const auto body = frame.subspan(head.size());
  const auto message = switchyard::control::decode_body({header->type, body.size()}, body);
  if (!message) return 0;
  const auto again = switchyard::control::encode(*message);
  if (again.size() != size || !std::equal(body.begin(), body.end(), again.begin() + 12)) {
    std::abort();
  }
  return 0;
}
