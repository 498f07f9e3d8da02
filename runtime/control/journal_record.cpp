#include "runtime/control/journal_record.h"

#include "runtime/control/codec.h"

namespace switchyard::control {
namespace {

constexpr std::size_t kRankBytes = 4;

}  // namespace

std::vector<std::byte> encode_record(const JournalRecord& record) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < kRankBytes; ++i) {
    out.push_back(static_cast<std::byte>(record.rank.value() >> (8 * i)));
  }
  const std::vector<std::byte> frame = encode(record.message);
  out.insert(out.end(), frame.begin(), frame.end());
  return out;
}

Result<JournalRecord> decode_record(Bytes record) {
  if (record.size() < kRankBytes + kFrameHeaderBytes) {
    return fail(ErrorCode::kBadInput, "a record of {} bytes", record.size());
  }
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < kRankBytes; ++i) {
    rank |= std::to_integer<std::uint32_t>(record[i]) << (8 * i);
  }
  const Bytes frame = record.subspan(kRankBytes);
  SY_ASSIGN(const FrameHeader header, decode_header(frame.first(kFrameHeaderBytes)));
  if (header.body_bytes != frame.size() - kFrameHeaderBytes) {
    return fail(ErrorCode::kBadInput, "a record of {} bytes for a body of {}", record.size(),
                header.body_bytes);
  }
  SY_ASSIGN(Message message, decode_body(header, frame.subspan(kFrameHeaderBytes)));
  return JournalRecord{RankId(rank), std::move(message)};
}

}  // namespace switchyard::control
