#include "runtime/model/bpe/nfc.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include "runtime/base/utf8.h"

namespace switchyard::model::bpe {

Result<std::string_view> to_nfc(std::string_view text, std::string& storage) {
  if (is_ascii(text)) return text;
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) return fail(ErrorCode::kInternal, "ICU: NFC: {}", u_errorName(status));
  const icu::StringPiece input(text.data(), static_cast<std::int32_t>(text.size()));
  if (form->isNormalizedUTF8(input, status) && U_SUCCESS(status)) return text;
  storage.clear();
  icu::StringByteSink<std::string> sink(&storage, input.length());
  form->normalizeUTF8(0, input, sink, nullptr, status);
  if (U_FAILURE(status)) return fail(ErrorCode::kInternal, "ICU: NFC: {}", u_errorName(status));
  return std::string_view(storage);
}

}  // namespace switchyard::model::bpe
