#include "launcher/result_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "launcher/prompts.h"

namespace switchyard::launcher {
namespace {

// Of the second that Open MPI gives between SIGTERM and SIGKILL.
constexpr Duration kPatience{150'000'000};

// Makes a descriptor non-blocking for as long as this lives. Others may share its open file.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  ~NonBlocking() {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

 private:
  int fd_;
  int flags_;
};

}  // namespace

std::size_t offer(int fd, std::string_view text, Duration patience) {
  const NonBlocking guard(fd);
  const auto patience_ms =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  std::size_t taken = 0;
  while (taken < text.size()) {
    const auto count = ::write(fd, text.data() + taken, text.size() - taken);
    if (count >= 0) {
      taken += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) break;
    pollfd wanted{fd, POLLOUT, 0};
    if (::poll(&wanted, 1, patience_ms) == 0) break;
  }
  return taken;
}

void put_on_stdout(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Result<void> put_on_unread_stdout(std::string_view text, std::string_view extension) {
  std::fflush(stdout);
  const std::size_t taken = offer(STDOUT_FILENO, text, kPatience);
  if (taken == text.size()) return {};
  std::error_code error;
  const auto folder = std::filesystem::current_path(error);
  const auto path = (folder / fmt::format("switchyard-{}{}", ::getpid(), extension)).string();
  SY_TRY(write_text_file(path, text));
  std::fprintf(stderr,
               "switchyard: stopped: stdout took %zu of %zu bytes, since mpirun reads no more; all "
               "of it is in %s\n",
               taken, text.size(), path.c_str());
  return {};
}

}  // namespace switchyard::launcher
