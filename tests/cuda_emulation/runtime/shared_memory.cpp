#include "tests/cuda_emulation/runtime/shared_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace {
constexpr std::size_t kBeyondBytes = 256;  // watched after the end
}  // namespace

alignas(1024) thread_local unsigned char dynamic_shared_memory[cuda_emulation::kSharedBytesMax +
                                                               kBeyondBytes];

namespace cuda_emulation {
namespace {
constexpr unsigned char kPoison = 0xff;
thread_local std::size_t dynamic_bytes_now = 0;
}  // namespace

void poison_shared_memory(std::size_t dynamic_bytes) {
  dynamic_bytes_now = dynamic_bytes;
  std::memset(dynamic_shared_memory, kPoison, dynamic_bytes + kBeyondBytes);
}

std::string shared_memory_complaint() {
  const unsigned char* end = dynamic_shared_memory + dynamic_bytes_now;
  const unsigned char* touched =
      std::find_if(end, end + kBeyondBytes, [](unsigned char byte) { return byte != kPoison; });
  if (touched == end + kBeyondBytes) return {};
  return fmt::format("dynamic shared memory of {} bytes was written at byte {}", dynamic_bytes_now,
                     touched - dynamic_shared_memory);
}

}  // namespace cuda_emulation
