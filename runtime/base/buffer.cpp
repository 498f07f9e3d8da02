#include "runtime/base/buffer.h"

#include <sys/mman.h>

#include "runtime/base/check.h"

namespace switchyard {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

void unmap(std::byte* data, std::size_t bytes) noexcept {
  (void)::munmap(data, round_up(bytes, 4096));
}

}  // namespace

// mmap gives zeroed, page-aligned memory and returns it to the system at once when freed, so that
// a rank that drops experts really shrinks. Small buffers pay one page each; hot paths reuse them.
HostBuffer::HostBuffer(std::size_t bytes) : bytes_(bytes), release_(&unmap) {
  if (bytes == 0) return;
  void* memory = ::mmap(nullptr, round_up(bytes, 4096), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SY_CHECK(memory != MAP_FAILED, "no memory for {} bytes", bytes);
  if (bytes >= kHugePageBytes) (void)::madvise(memory, bytes, MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(memory);
}

}  // namespace switchyard
