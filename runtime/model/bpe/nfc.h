// runtime/model/bpe/nfc.h -- Unicode normalisation form C, which some tokenizers ask for before
// splitting. Done by ICU; text that is in the form already (all ASCII is) is returned untouched.
// Thread safety: pure function.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard::model::bpe {

// `text` (valid UTF-8) in form C. The result views `text` or `storage`, whichever holds it.
// Errors: kInternal where ICU has no data for the form.
[[nodiscard]] Result<std::string_view> to_nfc(std::string_view text, std::string& storage);

}  // namespace switchyard::model::bpe
