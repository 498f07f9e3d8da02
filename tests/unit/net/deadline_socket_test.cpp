// What holds of every socket of the control plane, whatever is said over it.
#include "runtime/net/deadline_socket.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <set>
#include <string>

#include "runtime/net/client.h"
#include "runtime/net/listener.h"
#include "runtime/net/task_group.h"
#include "tests/unit/net/fake_brain.h"

namespace switchyard::net {
namespace {

Task<void> connect_into(Result<void>& outcome, std::shared_ptr<DeadlineSocket> socket, Endpoint to,
                        Duration limit) {
  outcome = co_await socket->connect(to, limit);
}

// The limit passes while the name is looked up: nothing is connected afterwards, when nobody
// watches the time any more.
TEST(DeadlineSocket, ANameThatIsFoundTooLateIsNotConnectedTo) {
  asio::io_context io{1};
  Tcp::acceptor acceptor(io);
  ASSERT_TRUE(listen_on(acceptor, {"127.0.0.1", 0}));
  const auto socket = std::make_shared<DeadlineSocket>(Tcp::socket(io));
  Result<void> outcome;
  TaskGroup tasks(io);
  tasks.start(connect_into(outcome, socket, {"localhost", local_endpoint(acceptor).port},
                           std::chrono::seconds(-1)));
  io.run();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, ErrorCode::kDeadline);
  EXPECT_FALSE(socket->is_open());
  boost::system::error_code nobody;
  acceptor.non_blocking(true);
  (void)acceptor.accept(nobody);
  EXPECT_EQ(nobody, asio::error::would_block);
}

std::set<int> open_sockets() {
  std::set<int> out;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder)) {
    std::array<char, 64> target{};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (::readlink(path.c_str(), target.data(), target.size() - 1) < 0) continue;
    if (std::string(target.data()).starts_with("socket:")) out.insert(std::stoi(entry->d_name));
  }
  ::closedir(folder);
  return out;
}

// Ranks are started by the process that holds connections to the controller.
TEST(DeadlineSocket, NoneIsPassedOnToChildProcesses) {
  const std::set<int> before = open_sockets();
  FakeBrain brain;
  ServerOptions options;
  options.admin = Endpoint{"127.0.0.1", 0};
  const RunningServer server(brain, options);
  const auto client = Client::connect(server.where(), Secret(), std::chrono::seconds(10));
  ASSERT_TRUE(client.has_value()) << client.error().message;
  ASSERT_TRUE(brain.wait_for(is_happening<control::Connected>));
  std::size_t count = 0;
  for (const int descriptor : open_sockets()) {
    if (before.contains(descriptor)) continue;
    ++count;
    EXPECT_NE(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0) << "descriptor " << descriptor;
  }
  EXPECT_EQ(count, 4U);  // two that listen, both ends of one connection
}

}  // namespace
}  // namespace switchyard::net
