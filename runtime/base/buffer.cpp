#include "runtime/base/buffer.h"

#include <sys/mman.h>

#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/try_buffer.h"

namespace switchyard {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

void unmap(std::byte* data, std::size_t bytes) noexcept {
  (void)::munmap(data, round_up(bytes, kPageBytes));
}

// mmap gives zeroed, page-aligned memory and returns it to the system at once when freed, so that
// a rank that drops experts really shrinks. Small buffers pay one page each; hot paths reuse them.
// Null: there is none.
std::byte* map(std::size_t bytes) noexcept {
  if (bytes > SIZE_MAX - kPageBytes) return nullptr;
  void* memory = ::mmap(nullptr, round_up(bytes, kPageBytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (bytes >= kHugePageBytes) (void)::madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(memory);
}

}  // namespace

HostBuffer::HostBuffer(std::size_t bytes) : bytes_(bytes), release_(&unmap) {
  if (bytes == 0) return;
  data_ = map(bytes);
  SY_CHECK(data_ != nullptr, "no memory for {} bytes", bytes);
}

Result<HostBuffer> try_buffer(std::size_t bytes) {
  if (bytes == 0) return HostBuffer();
  std::byte* const data = map(bytes);
  if (data == nullptr) {
    return fail(ErrorCode::kLimit, "this machine has no memory for {} more MiB",
                (bytes + (std::size_t{1} << 20) - 1) >> 20);
  }
  return HostBuffer(data, bytes, &unmap);
}

}  // namespace switchyard
