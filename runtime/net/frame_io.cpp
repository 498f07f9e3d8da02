#include "runtime/net/frame_io.h"

#include <algorithm>
#include <array>
#include <utility>

namespace switchyard::net {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

// What is wrong with the bytes, not with the connection.
template <class T>
Result<T> as_bad_input(Result<T> decoded) {
  if (!decoded) decoded.error().code = ErrorCode::kBadInput;
  return decoded;
}

Task<Result<control::FrameHeader>> read_header(std::shared_ptr<DeadlineSocket> socket,
                                               Duration limit) {
  std::array<std::byte, control::kFrameHeaderBytes> header{};
  SY_CO_ASSIGN(const std::size_t got, co_await socket->read_some(header));
  if (got < header.size()) {
    const auto rest = MutableBytes(header).subspan(got);
    SY_CO_TRY(co_await socket->read(rest, limit));
  }
  co_return as_bad_input(control::decode_header(header));
}

}  // namespace

Task<Result<control::Message>> read_message(std::shared_ptr<DeadlineSocket> socket,
                                            control::Speaker from, Duration limit) {
  SY_CO_ASSIGN(const control::FrameHeader header, co_await read_header(socket, limit));
  if (!control::may_say(from, header.type)) {
    co_return fail(ErrorCode::kBadInput, ErrorScope::kPeer, "{} is not for a {} to say",
                   control::name_of_type(header.type), control::to_string(from));
  }
  std::vector<std::byte> body;
  while (body.size() < header.body_bytes) {
    const std::size_t begin = body.size();
    body.resize(begin + std::min(kPieceBytes, header.body_bytes - begin));
    const auto piece = MutableBytes(body).subspan(begin);
    SY_CO_TRY(co_await socket->read(piece, limit));
  }
  co_return as_bad_input(control::decode_body(header, body));
}

Task<Result<void>> write_message(std::shared_ptr<DeadlineSocket> socket,
                                 const control::Message& message, Duration limit) {
  const auto frame = control::encode(message);
  if (frame.size() > control::kFrameHeaderBytes + control::kFrameBodyBytesMax) {
    co_return fail(ErrorCode::kLimit, "{} of {} bytes; the limit is {}", control::name_of(message),
                   frame.size(), control::kFrameBodyBytesMax);
  }
  SY_CO_TRY(co_await socket->write(frame, limit));
  co_return Result<void>();
}

}  // namespace switchyard::net
