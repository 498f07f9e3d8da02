#include "runtime/net/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace switchyard::net {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

// The whole of `bytes`, or the reason in errno.
bool write_all(Disk& disk, int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const auto done = disk.write(descriptor, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

Bytes magic() {
  return {reinterpret_cast<const std::byte*>(kJournalMagic.data()), kJournalMagic.size()};
}

std::string fresh_path_of(const std::string& path) { return path + ".new"; }

Result<std::vector<std::byte>> read_all(int descriptor) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail(ErrorCode::kIo, "not a regular file");
  }
  std::vector<std::byte> content(static_cast<std::size_t>(about.st_size));
  std::size_t got = 0;
  while (got < content.size()) {
    const auto part = ::read(descriptor, content.data() + got, content.size() - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return fail(ErrorCode::kIo, "{}", std::strerror(errno));
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  content.resize(got);
  return content;
}

// Whether the path still leads to the open file: the one who had it may have replaced it between
// our opening and our lock.
bool is_there(int descriptor, const std::string& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// The content of a replacement; the file is empty and open. The reason of a failure is in errno.
bool write_records(Disk& disk, int descriptor, const Records& records, std::uint64_t& size) {
  std::vector<std::byte> piece(magic().begin(), magic().end());
  for (const auto& record : records) {
    frame_record(record, piece);
    if (piece.size() < kPieceBytes) continue;
    if (!write_all(disk, descriptor, piece)) return false;
    size += piece.size();
    piece.clear();
  }
  size += piece.size();
  return write_all(disk, descriptor, piece);
}

}  // namespace

JournalFile::JournalFile(int descriptor, std::string path, Disk& disk)
    : descriptor_(descriptor), path_(std::move(path)), disk_(&disk) {}

JournalFile::JournalFile(JournalFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      disk_(other.disk_),
      size_(other.size_) {}

JournalFile& JournalFile::operator=(JournalFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(disk_, other.disk_);
  std::swap(size_, other.size_);
  return *this;
}

JournalFile::~JournalFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Unexpected JournalFile::io_error(int reason, ErrorScope scope) const {
  return fail(ErrorCode::kIo, scope, "journal {}: {}", path_, std::strerror(reason));
}

Result<JournalFile::Opened> JournalFile::open(const std::string& path, Disk& disk) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  Opened opened{JournalFile(disk.open(path.c_str(), kFlags, S_IRUSR | S_IWUSR), path, disk), {}, 0};
  JournalFile& file = opened.file;
  if (file.descriptor_ < 0) return file.io_error(errno);
  if (::flock(file.descriptor_, LOCK_EX | LOCK_NB) != 0 || !is_there(file.descriptor_, path)) {
    return fail(ErrorCode::kLimit, "journal {}: another controller has it open", path);
  }
  const std::string place = fmt::format("journal {}", path);
  const auto content = read_all(file.descriptor_);
  if (!content) return with_place(content.error(), place);
  auto parsed = parse_journal(*content);
  if (!parsed) return with_place(std::move(parsed).error(), place);
  opened.records = std::move(parsed->records);
  opened.torn_bytes = content->size() - parsed->whole_bytes;
  file.size_ = parsed->whole_bytes;
  if (disk.truncate(file.descriptor_, static_cast<off_t>(file.size_)) != 0 ||
      ::lseek(file.descriptor_, 0, SEEK_END) < 0) {
    return file.io_error(errno);
  }
  if (file.size_ == 0) {
    if (!write_all(disk, file.descriptor_, magic())) return file.io_error(errno);
    file.size_ = kJournalMagic.size();
  }
  // What a crash in the middle of replace() left.
  (void)disk.remove(fresh_path_of(path).c_str());
  return opened;
}

Result<void> JournalFile::append(Bytes record) {
  if (record.size() > kRecordBytesMax) {
    return fail(ErrorCode::kLimit, "journal {}: a record of {} bytes; the limit is {}", path_,
                record.size(), kRecordBytesMax);
  }
  std::vector<std::byte> framed;
  frame_record(record, framed);
  if (!write_all(*disk_, descriptor_, framed)) {
    const int reason = errno;
    // What half of a record would hide: everything behind it.
    const bool cut = disk_->truncate(descriptor_, static_cast<off_t>(size_)) == 0 &&
                     ::lseek(descriptor_, 0, SEEK_END) >= 0;
    return io_error(reason, cut ? ErrorScope::kOperation : ErrorScope::kProcess);
  }
  size_ += framed.size();
  return {};
}

Result<void> JournalFile::replace(const Records& records) {
  for (const auto& record : records) {
    if (record.size() <= kRecordBytesMax) continue;
    return fail(ErrorCode::kLimit, "journal {}: a record of {} bytes; the limit is {}", path_,
                record.size(), kRecordBytesMax);
  }
  const std::string fresh_path = fresh_path_of(path_);
  constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  const int fresh = disk_->open(fresh_path.c_str(), kFlags, S_IRUSR | S_IWUSR);
  if (fresh < 0) return io_error(errno);
  auto taken = take_over(fresh_path, fresh, records);
  if (!taken) {
    ::close(fresh);
    (void)disk_->remove(fresh_path.c_str());
  }
  return taken;
}

// The order is what makes it safe: the new file is on disk before its name is, and locked before
// anybody can find it. Once it has the name it is the journal, whatever comes of the folder's sync:
// the worst is that a power cut brings back the old file.
Result<void> JournalFile::take_over(const std::string& fresh_path, int fresh,
                                    const Records& records) {
  std::uint64_t size = 0;
  if (::flock(fresh, LOCK_EX | LOCK_NB) != 0) return io_error(errno);
  if (!write_records(*disk_, fresh, records, size)) return io_error(errno);
  if (disk_->sync(fresh) != 0) return io_error(errno);
  if (disk_->rename(fresh_path.c_str(), path_.c_str()) != 0) return io_error(errno);
  ::close(std::exchange(descriptor_, fresh));
  size_ = size;
  const auto parent = std::filesystem::path(path_).parent_path();
  const int folder =
      disk_->open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder >= 0) {
    (void)disk_->sync(folder);
    ::close(folder);
  }
  return {};
}

}  // namespace switchyard::net
