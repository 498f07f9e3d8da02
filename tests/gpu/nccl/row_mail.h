// tests/gpu/nccl/row_mail.h -- sends and takes messages with rows in device memory, for tests: owns
// the memory, waits with a deadline, checks what comes.
#pragma once

#include <cuda_runtime.h>

#include <list>
#include <optional>
#include <vector>

#include "comm/row_loan.h"
#include "comm/worlds.h"
#include "tests/conformance/comm/mail.h"

namespace switchyard::comm::test {

// Device memory that a test fills and reads.
class DeviceBytes {
 public:
  explicit DeviceBytes(std::size_t bytes);
  explicit DeviceBytes(const suite::Content& content);
  ~DeviceBytes();
  DeviceBytes(DeviceBytes&& other) noexcept;
  DeviceBytes& operator=(DeviceBytes&&) = delete;
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;

  [[nodiscard]] MutableBytes span() const noexcept { return {data_, bytes_}; }
  [[nodiscard]] suite::Content read() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

struct RowLetter {
  RankId from;
  suite::Content head;
  suite::Content rows;
};

class RowMail {
 public:
  explicit RowMail(Transport& transport, Duration patience = std::chrono::seconds(60));
  // Before the first message: sends from memory that the transport lends, as far as that goes.
  // Makes so many pieces of it.
  void borrow(std::size_t pieces, std::size_t bytes);

  // Keeps both until the transport says that it is done with them.
  [[nodiscard]] Result<void> send(RankId to, Channel channel, suite::Content head,
                                  const suite::Content& rows);
  [[nodiscard]] Result<std::optional<RowLetter>> take(Channel channel);
  [[nodiscard]] Result<RowLetter> receive(Channel channel);
  [[nodiscard]] Result<void> flush();
  // Looks at everything once, as a rank that serves does; what comes is kept.
  [[nodiscard]] Result<void> turn();
  [[nodiscard]] std::size_t in_flight() const noexcept { return sent_.size(); }

 private:
  struct Sent {
    suite::Content head;
    DeviceBytes rows;
    RowLoan lent;  // instead of them
    SendTicket ticket;
  };
  [[nodiscard]] Result<void> rest(std::uint32_t round, const char* what);

  Transport& transport_;
  bool borrows_ = false;
  std::list<Sent> sent_;
  // Kept to the end: cudaFree waits for every kernel of the GPU, and those of a lane for peers.
  std::list<DeviceBytes> used_;
  std::array<std::list<RowLetter>, kChannelCount> aside_;
  SteadyClock clock_;
  Deadline deadline_;
};

}  // namespace switchyard::comm::test
