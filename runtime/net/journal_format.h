// runtime/net/journal_format.h -- the bytes of a journal file: eight that name the format, then
// records: length, CRC-32 of the record, CRC-32 of these eight bytes, the record. With the third
// word a length can be believed, so that a record cut off by a crash is told from damage.
// Not the file (journal_file.h). Thread safety: functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::net {

using Records = std::vector<std::vector<std::byte>>;

inline constexpr std::array<char, 8> kJournalMagic{'S', 'W', 'Y', 'J', 'R', 'N', 'L', '2'};
inline constexpr std::size_t kRecordPrefixBytes = 12;
inline constexpr std::size_t kRecordBytesMax = std::size_t{65} << 20;  // a frame of any size

// Appends the record with its prefix to `out`. The record is not larger than kRecordBytesMax.
void frame_record(Bytes record, std::vector<std::byte>& out);

struct JournalContent {
  Records records;
  std::size_t whole_bytes = 0;  // what is behind was torn off the last record
};
// Errors: kBadInput for what is no journal, and for damage that is not at the end, with its offset.
[[nodiscard]] Result<JournalContent> parse_journal(Bytes content);

}  // namespace switchyard::net
