#include "runtime/net/journal_format.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdint>
#include <cstring>

#include "runtime/base/check.h"

namespace switchyard::net {
namespace {

struct Prefix {
  std::uint32_t length = 0;
  std::uint32_t record_crc = 0;
  std::uint32_t own_crc = 0;
};
static_assert(sizeof(Prefix) == kRecordPrefixBytes);

std::uint32_t crc_of(Bytes bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::uint32_t own_crc_of(const Prefix& prefix) {
  return crc_of({reinterpret_cast<const std::byte*>(&prefix), 2 * sizeof(std::uint32_t)});
}

// A file system may have made room for bytes that the crash of the host kept from coming.
bool empty_room(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

enum class Standing { kWhole, kTorn, kDamaged };

// Of the record at the front of `left`.
Standing judge(Bytes left, Prefix& prefix) {
  if (left.size() < kRecordPrefixBytes) return Standing::kTorn;
  std::memcpy(&prefix, left.data(), kRecordPrefixBytes);
  if (own_crc_of(prefix) != prefix.own_crc) {
    return empty_room(left) ? Standing::kTorn : Standing::kDamaged;
  }
  if (prefix.length > left.size() - kRecordPrefixBytes) return Standing::kTorn;
  if (crc_of(left.subspan(kRecordPrefixBytes, prefix.length)) == prefix.record_crc) {
    return Standing::kWhole;
  }
  const Bytes behind = left.subspan(kRecordPrefixBytes + prefix.length);
  return empty_room(behind) ? Standing::kTorn : Standing::kDamaged;
}

}  // namespace

void frame_record(Bytes record, std::vector<std::byte>& out) {
  SY_CHECK(record.size() <= kRecordBytesMax, "a record of {} bytes", record.size());
  Prefix prefix{static_cast<std::uint32_t>(record.size()), crc_of(record), 0};
  prefix.own_crc = own_crc_of(prefix);
  const auto* front = reinterpret_cast<const std::byte*>(&prefix);
  out.insert(out.end(), front, front + kRecordPrefixBytes);
  out.insert(out.end(), record.begin(), record.end());
}

Result<JournalContent> parse_journal(Bytes content) {
  JournalContent out;
  const std::size_t magic_bytes = std::min(content.size(), kJournalMagic.size());
  if (magic_bytes > 0 && std::memcmp(content.data(), kJournalMagic.data(), magic_bytes) != 0) {
    return fail(ErrorCode::kBadInput, "not a journal of this version's controller");
  }
  if (magic_bytes < kJournalMagic.size()) return out;
  out.whole_bytes = magic_bytes;
  for (;;) {
    Prefix prefix;
    const Bytes left = content.subspan(out.whole_bytes);
    switch (judge(left, prefix)) {
      case Standing::kTorn: return out;
      case Standing::kDamaged:
        return fail(ErrorCode::kBadInput,
                    "damaged at byte {} of {}: record {} and what is behind "
                    "it cannot be read",
                    out.whole_bytes, content.size(), out.records.size());
      case Standing::kWhole: break;
    }
    const Bytes record = left.subspan(kRecordPrefixBytes, prefix.length);
    out.records.emplace_back(record.begin(), record.end());
    out.whole_bytes += kRecordPrefixBytes + prefix.length;
  }
}

}  // namespace switchyard::net
