#include "tests/gpu/nccl/row_mail.h"

#include <gtest/gtest.h>

namespace switchyard::comm::test {

DeviceBytes::DeviceBytes(std::size_t bytes) : bytes_(bytes) {
  void* data = nullptr;
  if (bytes > 0) {
    EXPECT_EQ(cudaMalloc(&data, bytes), cudaSuccess);
  }
  data_ = static_cast<std::byte*>(data);
}

DeviceBytes::DeviceBytes(const suite::Content& content) : DeviceBytes(content.size()) {
  if (bytes_ == 0) return;
  EXPECT_EQ(cudaMemcpy(data_, content.data(), bytes_, cudaMemcpyHostToDevice), cudaSuccess);
}

DeviceBytes::DeviceBytes(DeviceBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

DeviceBytes::~DeviceBytes() {
  if (data_ != nullptr) (void)cudaFree(data_);
}

suite::Content DeviceBytes::read() const {
  suite::Content content(bytes_);
  if (bytes_ == 0) return content;
  EXPECT_EQ(cudaMemcpy(content.data(), data_, bytes_, cudaMemcpyDeviceToHost), cudaSuccess);
  return content;
}

RowMail::RowMail(Transport& transport, Duration patience)
    : transport_(transport), deadline_(Deadline::after(clock_, patience)) {}

void RowMail::borrow(std::size_t pieces, std::size_t bytes) {
  borrows_ = true;
  std::vector<RowLoan> all;
  while (pieces-- != 0) all.emplace_back(transport_, bytes);
}

Result<void> RowMail::rest(std::uint32_t round, const char* what) {
  if (deadline_.passed(clock_)) {
    return fail(ErrorCode::kDeadline, "rank {}: {} took too long", transport_.rank().value(), what);
  }
  transport_.wait_a_moment(round);
  return {};
}

Result<void> RowMail::send(RankId to, Channel channel, suite::Content head,
                           const suite::Content& rows) {
  RowLoan lent = borrows_ ? RowLoan(transport_, rows.size()) : RowLoan();
  if (!lent.rows().empty()) {
    EXPECT_EQ(cudaMemcpy(lent.rows().data(), rows.data(), rows.size(), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  DeviceBytes own = lent.rows().empty() ? DeviceBytes(rows) : DeviceBytes(0);
  Sent& sent = sent_.emplace_back(Sent{std::move(head), std::move(own), std::move(lent), {}});
  const Bytes from = sent.lent.rows().empty() ? sent.rows.span() : sent.lent.rows();
  SY_ASSIGN(sent.ticket, transport_.send_rows(to, channel, sent.head, from));
  return {};
}

Result<std::optional<RowLetter>> RowMail::take(Channel channel) {
  auto& aside = aside_[static_cast<std::size_t>(channel)];
  if (!aside.empty()) {
    std::optional<RowLetter> letter(std::move(aside.front()));
    aside.pop_front();
    return letter;
  }
  SY_ASSIGN(const auto arrival, transport_.probe(channel));
  if (!arrival) return std::nullopt;
  RowLetter letter{arrival->from, suite::Content(arrival->bytes), {}};
  const DeviceBytes& rows = used_.emplace_back(arrival->row_bytes);
  SY_TRY(transport_.receive_rows(*arrival, letter.head, rows.span()));
  letter.rows = rows.read();
  return letter;
}

Result<void> RowMail::turn() {
  for (const Channel channel : {Channel::kDispatch, Channel::kCombine}) {
    auto& aside = aside_[static_cast<std::size_t>(channel)];
    auto kept = std::exchange(aside, {});
    SY_ASSIGN(auto letter, take(channel));
    if (letter) kept.push_back(std::move(*letter));
    aside = std::move(kept);
  }
  for (auto it = sent_.begin(); it != sent_.end();) {
    SY_ASSIGN(const bool done, transport_.send_done(it->ticket));
    if (done) used_.push_back(std::move(it->rows));
    it = done ? sent_.erase(it) : std::next(it);
  }
  return {};
}

Result<RowLetter> RowMail::receive(Channel channel) {
  for (std::uint32_t round = 0;; ++round) {
    SY_ASSIGN(auto letter, take(channel));
    if (letter) return std::move(*letter);
    SY_TRY(turn());
    SY_TRY(rest(round, "a message"));
  }
}

Result<void> RowMail::flush() {
  for (std::uint32_t round = 0; !sent_.empty(); ++round) {
    SY_TRY(turn());
    if (!sent_.empty()) SY_TRY(rest(round, "sending"));
  }
  return {};
}

}  // namespace switchyard::comm::test
