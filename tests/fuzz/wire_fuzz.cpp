// Fuzzes the messages of an exchange: what is accepted stays inside the shape both sides agreed on.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/moe/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  switchyard::moe::WireShape shape;
  shape.hidden = 16;
  shape.layers = 2;
  shape.experts = 8;
  shape.rows_max = 4;
  shape.pairs_max = 8;
  shape.micro_batches = 2;
  // Messages are received into aligned memory.
  std::vector<std::uint64_t> aligned((size + 7) / 8);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const switchyard::Bytes message(reinterpret_cast<const std::byte*>(aligned.data()), size);
  if (const auto dispatch = switchyard::moe::read_dispatch(shape, message)) {
    if (dispatch->row_count > 4 || dispatch->pairs.size() > 8) std::abort();
    for (const auto& pair : dispatch->pairs) {
      if (pair.row >= dispatch->row_count || pair.expert >= 8) std::abort();
    }
  }
  if (const auto answer = switchyard::moe::read_answer(shape, message)) {
    if (answer->pair_count > 8 || shape.answer_bytes(answer->pair_count).sum() != size)
      std::abort();
  }
  return 0;
}
