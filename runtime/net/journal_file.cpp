#include "runtime/net/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace switchyard::net {
namespace {

constexpr std::array<char, 8> kMagic{'S', 'W', 'Y', 'J', 'R', 'N', 'L', '1'};
constexpr std::size_t kPrefixBytes = 8;  // length, CRC
constexpr std::size_t kRecordBytesMax = std::size_t{64} << 20;

struct Prefix {
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
};
static_assert(sizeof(Prefix) == kPrefixBytes);

std::uint32_t crc_of(Bytes bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

// The whole of `bytes`, or the reason in errno.
bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(descriptor, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

Result<std::vector<std::byte>> read_all(int descriptor, const std::string& path) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail(ErrorCode::kIo, "journal {}: not a regular file", path);
  }
  std::vector<std::byte> content(static_cast<std::size_t>(about.st_size));
  std::size_t got = 0;
  while (got < content.size()) {
    const auto part = ::read(descriptor, content.data() + got, content.size() - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return fail(ErrorCode::kIo, "journal {}: {}", path, std::strerror(errno));
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  content.resize(got);
  return content;
}

// The whole records at the front of `content`; returns the bytes they take.
std::size_t read_records(Bytes content, std::vector<std::vector<std::byte>>& records) {
  std::size_t used = 0;
  for (;;) {
    const Bytes left = content.subspan(used);
    Prefix prefix;
    if (left.size() < kPrefixBytes) return used;
    std::memcpy(&prefix, left.data(), kPrefixBytes);
    if (prefix.length > left.size() - kPrefixBytes) return used;
    const Bytes record = left.subspan(kPrefixBytes, prefix.length);
    if (crc_of(record) != prefix.crc) return used;
    records.emplace_back(record.begin(), record.end());
    used += kPrefixBytes + prefix.length;
  }
}

}  // namespace

JournalFile::JournalFile(int descriptor, std::string path)
    : descriptor_(descriptor), path_(std::move(path)) {}

JournalFile::JournalFile(JournalFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      size_(other.size_) {}

JournalFile& JournalFile::operator=(JournalFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  return *this;
}

JournalFile::~JournalFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<JournalFile::Opened> JournalFile::open(const std::string& path) {
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return fail(ErrorCode::kIo, "journal {}: {}", path, std::strerror(errno));
  Opened opened{JournalFile(descriptor, path), {}, 0};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::kLimit, "journal {}: another controller has it open", path);
  }
  SY_ASSIGN(const auto content, read_all(descriptor, path));
  const std::size_t magic_bytes = std::min(content.size(), kMagic.size());
  if (std::memcmp(content.data(), kMagic.data(), magic_bytes) != 0) {
    return fail(ErrorCode::kBadInput, "journal {}: not a journal of a controller", path);
  }
  std::size_t used = 0;
  if (magic_bytes == kMagic.size()) {
    used = kMagic.size() + read_records(Bytes(content).subspan(kMagic.size()), opened.records);
  }
  opened.torn_bytes = content.size() - used;
  opened.file.size_ = used;
  if (::ftruncate(descriptor, static_cast<off_t>(used)) != 0 ||
      ::lseek(descriptor, 0, SEEK_END) < 0) {
    return fail(ErrorCode::kIo, "journal {}: {}", path, std::strerror(errno));
  }
  if (used == 0) {
    const Bytes magic(reinterpret_cast<const std::byte*>(kMagic.data()), kMagic.size());
    if (!write_all(descriptor, magic)) {
      return fail(ErrorCode::kIo, "journal {}: {}", path, std::strerror(errno));
    }
    opened.file.size_ = kMagic.size();
  }
  return opened;
}

Result<void> JournalFile::append(Bytes record) {
  if (record.size() > kRecordBytesMax) {
    return fail(ErrorCode::kLimit, "journal {}: a record of {} bytes; the limit is {}", path_,
                record.size(), kRecordBytesMax);
  }
  const Prefix prefix{static_cast<std::uint32_t>(record.size()), crc_of(record)};
  std::vector<std::byte> framed(kPrefixBytes + record.size());
  std::memcpy(framed.data(), &prefix, kPrefixBytes);
  if (!record.empty()) std::memcpy(framed.data() + kPrefixBytes, record.data(), record.size());
  if (!write_all(descriptor_, framed)) {
    const int reason = errno;
    // What half of a record would hide: everything behind it.
    const bool cut = ::ftruncate(descriptor_, static_cast<off_t>(size_)) == 0 &&
                     ::lseek(descriptor_, 0, SEEK_END) >= 0;
    return fail(ErrorCode::kIo, cut ? ErrorScope::kOperation : ErrorScope::kProcess,
                "journal {}: {}", path_, std::strerror(reason));
  }
  size_ += framed.size();
  return {};
}

}  // namespace switchyard::net
