// runtime/base/json_text.h -- reads JSON that people write or keep in files, and says where it is
// broken. Not what it must hold: that is its readers' matter. The library is the caller's choice
// (nlohmann::json), so that this room does not need it. Thread safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard {

// Where the `byte`-th byte (from 1) of a text is: "line 3, column 7", of a text of one line
// "column 7", both from 1 and columns in bytes; behind the last byte "its end".
[[nodiscard]] std::string text_place(std::string_view text, std::size_t byte);

// `watch`: the library's callbacks, if any. Errors: kBadInput, "`name`: not valid JSON at line 3,
// column 7".
template <class Json, class... Watch>
[[nodiscard]] Result<Json> parse_json_text(std::string_view text, std::string_view name,
                                           Watch&&... watch) {
  try {
    return Json::parse(text, std::forward<Watch>(watch)...);
  } catch (const typename Json::parse_error& error) {
    return fail(ErrorCode::kBadInput, "{}: not valid JSON at {}", name,
                text_place(text, error.byte));
  } catch (const typename Json::exception&) {
    return fail(ErrorCode::kBadInput, "{}: not valid JSON: a number out of range", name);
  }
}

}  // namespace switchyard
