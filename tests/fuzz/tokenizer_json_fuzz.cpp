// Any bytes as a tokenizer.json: parsing refuses them or gives a tokenizer that encodes a fixed
// text (or says why not) and decodes its own ids. Seeds: tests/fuzz/corpus/tokenizer_json.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/model/tokenizer.h"

namespace {

using switchyard::ErrorCode;
using switchyard::model::Tokenizer;

constexpr std::string_view kText =
    "It's  12 \xC3\xA9"
    "e\xCC\x81 \xF0\x9F\x99\x82\r\n\n<s> aaaaaaaaaab";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = Tokenizer::parse(json, "fuzz");
  if (!tokenizer) {
    SY_CHECK(tokenizer.error().code != ErrorCode::kInternal, "{}", tokenizer.error().message);
    return 0;
  }
  const auto ids = (*tokenizer)->encode(kText);
  if (!ids) {
    // Valid UTF-8 of a few bytes: only an expression without end can stop it.
    SY_CHECK(ids.error().code == ErrorCode::kLimit, "{}", ids.error().message);
    return 0;
  }
  const auto bytes = (*tokenizer)->decode(*ids, Tokenizer::Special::kKeep);
  SY_CHECK(bytes.has_value(), "{}", bytes.error().message);
  return 0;
}
