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
constexpr Duration kPatienceAtTheEnd{150'000'000};
// For a reader that will go on. Less than the other ranks wait for this one (exchange_deadline_ms).
constexpr Duration kPatience = std::chrono::seconds(20);
// Between two looks at whether the reader has gone.
constexpr int kLookMs = 50;

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

std::size_t offer(int fd, std::string_view text, const std::function<Duration()>& patience) {
  const NonBlocking guard(fd);
  const SteadyClock clock;
  std::size_t taken = 0;
  TimePoint last = clock.now();
  while (taken < text.size()) {
    const auto count = ::write(fd, text.data() + taken, text.size() - taken);
    if (count >= 0) {
      taken += static_cast<std::size_t>(count);
      last = clock.now();
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) break;
    if (clock.now() - last >= patience()) break;
    pollfd wanted{fd, POLLOUT, 0};
    (void)::poll(&wanted, 1, kLookMs);
  }
  return taken;
}

void put_on_stdout(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Result<void> put_on_stdout_of_mpirun(std::string_view text, std::string_view extension,
                                     const std::function<bool()>& job_may_end) {
  std::fflush(stdout);
  const std::size_t taken = offer(STDOUT_FILENO, text, [&job_may_end] {
    return job_may_end() ? kPatienceAtTheEnd : kPatience;
  });
  if (taken == text.size()) return {};
  std::error_code error;
  const auto folder = std::filesystem::current_path(error);
  const auto path = (folder / fmt::format("switchyard-{}{}", ::getpid(), extension)).string();
  SY_TRY(write_text_file(path, text));
  fmt::print(stderr, "switchyard: stopped: stdout took {} of {} bytes, {}; all of it is in {}\n",
             taken, text.size(),
             job_may_end()
                 ? "since mpirun reads no more"
                 : fmt::format("then none for {} s",
                               std::chrono::duration_cast<std::chrono::seconds>(kPatience).count()),
             path);
  return {};
}

}  // namespace switchyard::launcher
