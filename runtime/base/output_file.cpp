#include "runtime/base/output_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace switchyard {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 40;  // as the kernel
constexpr int kNamesMax = 1000;
constexpr std::chrono::seconds kReaderWait{30};
constexpr std::chrono::milliseconds kReaderPause{20};

Unexpected refused(const std::string& path, int number) {
  return fail(ErrorCode::kIo, "{}: cannot be written: {}", path,
              std::generic_category().message(number));
}

enum class Way { kReplace, kStraight, kAppend };

struct Target {
  std::string path;
  Way way = Way::kReplace;
  bool pipe = false;
  std::optional<mode_t> mode;  // of the regular file that is there
};

// Follows the links of `path`, also where they end at nothing. Behind a link of /proc, such as that
// of /dev/stdout, others hold the file open: it may not be replaced.
Result<Target> follow_links(const std::string& path) {
  Target target;
  fs::path at(path);
  for (int links = 0; links < kLinksMax; ++links) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(at, error))) {
      target.path = at.string();
      return target;
    }
    const auto folder =
        fs::weakly_canonical(at.parent_path().empty() ? "." : at.parent_path(), error);
    if (error) return refused(path, error.value());
    if (folder.string().starts_with("/proc/")) target.way = Way::kAppend;
    auto next = fs::read_symlink(at, error);
    if (error) return refused(path, error.value());
    at = next.is_absolute() ? std::move(next) : folder / next;
  }
  return refused(path, ELOOP);
}

Result<Target> find_target(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return refused(path, errno);
    return follow_links(path);
  }
  if (S_ISDIR(found.st_mode)) {
    return fail(ErrorCode::kIo, "{}: cannot be written: it is a folder", path);
  }
  if (S_ISBLK(found.st_mode)) {
    return fail(ErrorCode::kIo, "{}: cannot be written: it is a disk", path);
  }
  if (::access(path.c_str(), W_OK) != 0) return refused(path, errno);
  if (!S_ISREG(found.st_mode)) {
    return Target{path, Way::kStraight, S_ISFIFO(found.st_mode), std::nullopt};
  }
  SY_ASSIGN(auto target, follow_links(path));
  if (target.way == Way::kAppend) target.path = path;
  target.mode = found.st_mode & 07777;
  return target;
}

// A new file beside the target, whatever else is in the folder. Returns its descriptor, or -1.
int open_beside(const Target& target, std::string& name) {
  const auto folder = fs::path(target.path).parent_path();
  for (int n = 0; n < kNamesMax; ++n) {
    name = (folder / fmt::format(".switchyard-{}-{}.part", ::getpid(), n)).string();
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// Without O_NONBLOCK the open of a pipe waits for its reader for ever.
int open_pipe(const std::string& path) {
  const auto end = std::chrono::steady_clock::now() + kReaderWait;
  while (true) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor >= 0) {
      ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
      return descriptor;
    }
    if (errno != ENXIO || std::chrono::steady_clock::now() >= end) return -1;
    std::this_thread::sleep_for(kReaderPause);
  }
}

// Turns the SIGPIPE of this thread's writes into EPIPE while it lives.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~NoBrokenPipe() {
    const timespec now{};
    if (sigismember(&before_, SIGPIPE) == 0) {
      (void)sigtimedwait(&signal_, nullptr, &now);
      pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t signal_{};
  sigset_t before_{};
};

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path) {
  SY_ASSIGN(const auto target, find_target(path));
  OutputFile file;
  file.path_ = path;
  file.target_ = target.path;
  if (target.way == Way::kReplace) {
    file.descriptor_ = open_beside(target, file.temporary_);
    if (file.descriptor_ < 0) file.temporary_.clear();
    if (file.descriptor_ >= 0 && target.mode) (void)::fchmod(file.descriptor_, *target.mode);
  } else if (target.pipe) {
    file.descriptor_ = open_pipe(target.path);
  } else {
    const int append = target.way == Way::kAppend ? O_APPEND : 0;
    file.descriptor_ = ::open(target.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | append);
  }
  if (file.descriptor_ >= 0) return file;
  if (target.pipe && errno == ENXIO) {
    return fail(ErrorCode::kIo, "{}: cannot be written: nobody reads this pipe", path);
  }
  return refused(path, errno);
}

Result<void> OutputFile::check(const std::string& path) {
  SY_ASSIGN(const auto target, find_target(path));
  if (target.way != Way::kReplace) return {};
  std::string name;
  const int descriptor = open_beside(target, name);
  if (descriptor < 0) return refused(path, errno);
  (void)::close(descriptor);
  (void)::unlink(name.c_str());
  return {};
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
  if (!temporary_.empty()) (void)::unlink(temporary_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      failed_(other.failed_) {}

void OutputFile::write(std::string_view bytes) {
  const NoBrokenPipe guard;
  while (failed_ == 0 && !bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      failed_ = errno;
    }
  }
}

Result<void> OutputFile::finish() {
  if (::close(std::exchange(descriptor_, -1)) != 0 && failed_ == 0) failed_ = errno;
  if (failed_ == 0 && !temporary_.empty()) {
    if (::rename(temporary_.c_str(), target_.c_str()) == 0) {
      temporary_.clear();
    } else {
      failed_ = errno;
    }
  }
  if (failed_ != 0) return refused(path_, failed_);
  return {};
}

}  // namespace switchyard
