#include "tests/conformance/comm/mail.h"

#include <algorithm>
#include <cstring>

namespace switchyard::comm::suite {

Content make_content(std::size_t bytes, std::uint64_t seed) {
  Content content(bytes);
  Random random(seed);
  for (std::size_t i = 0; i < bytes; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(content.data() + i, &word, std::min(sizeof word, bytes - i));
  }
  return content;
}

namespace {

// What ranks tell each other at a meeting; no other content of the suite equals it.
Content i_am_here() { return make_content(24, 0x4E5); }

}  // namespace

Result<void> Mail::rest(std::uint32_t round, const char* what) {
  if (deadline_.passed(clock_)) {
    return fail(ErrorCode::kDeadline, "rank {}: {} took too long", transport_.rank().value(), what);
  }
  transport_.wait_a_moment(round);
  return {};
}

Result<void> Mail::collect_done() {
  for (auto it = sent_.begin(); it != sent_.end();) {
    SY_ASSIGN(const bool done, transport_.send_done(it->ticket));
    it = done ? sent_.erase(it) : std::next(it);
  }
  return {};
}

Result<bool> Mail::try_send(RankId to, Channel channel, const Content& content) {
  SY_TRY(collect_done());
  Sent& sent = sent_.emplace_back(Sent{content, {}});
  auto ticket = transport_.send(to, channel, sent.content);
  if (ticket) {
    sent.ticket = *ticket;
    return true;
  }
  sent_.pop_back();
  if (ticket.error().code == ErrorCode::kLimit && !sent_.empty()) return false;
  return Unexpected(std::move(ticket).error());
}

Result<void> Mail::send(RankId to, Channel channel, const Content& content) {
  for (std::uint32_t round = 0;; ++round) {
    SY_ASSIGN(const bool sent, try_send(to, channel, content));
    if (sent) return {};
    SY_TRY(rest(round, "a free ticket"));
  }
}

Result<std::optional<Letter>> Mail::take(Channel channel) {
  if (channel != Channel::kControl || aside_.empty()) return take_arrived(channel);
  std::optional<Letter> letter(std::move(aside_.front()));
  aside_.pop_front();
  return letter;
}

Result<std::optional<Letter>> Mail::take_arrived(Channel channel) {
  for (;;) {
    SY_ASSIGN(const std::optional<Arrival> arrival, transport_.probe(channel));
    if (!arrival) return std::nullopt;
    Letter letter{arrival->from, Content(arrival->bytes, std::byte{0xEE})};
    SY_TRY(transport_.receive(*arrival, letter.content));
    if (channel != Channel::kControl || letter.content != i_am_here()) return letter;
    ++here_[letter.from.index()];
  }
}

Result<Letter> Mail::receive(Channel channel) {
  for (std::uint32_t round = 0;; ++round) {
    SY_ASSIGN(std::optional<Letter> letter, take(channel));
    if (letter) return std::move(*letter);
    SY_TRY(collect_done());
    SY_TRY(rest(round, "a message"));
  }
}

Result<void> Mail::flush() {
  for (std::uint32_t round = 0; !sent_.empty(); ++round) {
    SY_TRY(collect_done());
    // Looking makes progress for a transport that has none of its own.
    SY_TRY(transport_.probe(Channel::kControl));
    if (!sent_.empty()) SY_TRY(rest(round, "sending"));
  }
  return {};
}

Result<void> Mail::meet() {
  deadline_ = Deadline::after(clock_, std::chrono::seconds(60));
  for (std::uint32_t r = 0; r < transport_.size(); ++r) {
    SY_TRY(send(RankId(r), Channel::kControl, i_am_here()));
  }
  const auto is_zero = [](std::size_t words) { return words == 0; };
  for (std::uint32_t round = 0; std::any_of(here_.begin(), here_.end(), is_zero); ++round) {
    SY_ASSIGN(std::optional<Letter> letter, take_arrived(Channel::kControl));
    if (letter) aside_.push_back(std::move(*letter));
    SY_TRY(rest(round, "a meeting"));
  }
  for (std::size_t& words : here_) --words;
  return flush();
}

}  // namespace switchyard::comm::suite
