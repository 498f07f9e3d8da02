// runtime/base/check.h -- checks for programmer errors; on in release too, they abort the process.
// Not for anything that input, files or peers can cause: those are Results (error.h).
#pragma once

#include <fmt/format.h>

#include <string>

namespace switchyard::detail {

[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& message);

inline std::string check_message() { return {}; }

template <class... Args>
std::string check_message(fmt::format_string<Args...> text, Args&&... args) {
  return fmt::format(text, std::forward<Args>(args)...);
}

}  // namespace switchyard::detail

// SY_CHECK(rows == view.rows(), "rows {} view {}", rows, view.rows());
#define SY_CHECK(condition, ...)                                                            \
  do {                                                                                      \
    if (!(condition)) [[unlikely]] {                                                        \
      ::switchyard::detail::check_failed(#condition, __FILE__, __LINE__,                    \
                                         ::switchyard::detail::check_message(__VA_ARGS__)); \
    }                                                                                       \
  } while (false)
