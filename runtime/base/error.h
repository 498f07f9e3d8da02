// runtime/base/error.h -- operating errors as values: what went wrong and what must be rebuilt.
// Not for programmer errors (see check.h). Exceptions cross no box: translate them at its edge.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace switchyard {

// What kind of failure this is. Tests and exit codes switch on it, never on the wording.
enum class ErrorCode {
  kUsage,        // a flag, a key or a spec that the user gave is wrong
  kConfig,       // a configuration file is wrong
  kNotFound,     // a file, a tensor, a name is missing
  kBadInput,     // a checkpoint, prompt or message is malformed
  kLimit,        // a documented maximum would be passed
  kUnsupported,  // valid, but this build or model cannot do it
  kDeadline,     // a wait ended without its event
  kPeer,         // another rank failed or broke the protocol
  kStaleEpoch,   // the message belongs to another view
  kIo,           // the operating system refused an operation
  kInterrupted,  // the user asked to stop
  kInternal,     // a bug that was caught as a value
};

// The largest thing that must be rebuilt before the operation can be tried again.
enum class ErrorScope { kOperation, kPeer, kCommunicator, kDevice, kProcess };

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  ErrorScope scope = ErrorScope::kOperation;
  std::string message;  // one line, names the place (file:line:key, tensor, rank)
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;
[[nodiscard]] std::string_view to_string(ErrorScope scope) noexcept;

// Result<T> holds a T or an Error and must be used. Result<void> is the outcome of an action.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Unexpected = tl::unexpected<Error>;

// The error branch of any Result: `return fail(ErrorCode::kBadInput, "{}: no header", path);`
template <class... Args>
[[nodiscard]] Unexpected fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return Unexpected(
      Error{code, ErrorScope::kOperation, fmt::format(text, std::forward<Args>(args)...)});
}

template <class... Args>
[[nodiscard]] Unexpected fail(ErrorCode code, ErrorScope scope, fmt::format_string<Args...> text,
                              Args&&... args) {
  return Unexpected(Error{code, scope, fmt::format(text, std::forward<Args>(args)...)});
}

// Puts the place in front of an error on its way up: "layer 3: ..." .
[[nodiscard]] inline Unexpected with_place(Error error, std::string_view place) {
  error.message = fmt::format("{}: {}", place, error.message);
  return Unexpected(std::move(error));
}

}  // namespace switchyard

#define SY_CONCAT_INNER(a, b) a##b
#define SY_CONCAT(a, b) SY_CONCAT_INNER(a, b)

// Returns a Result<void>'s error (or drops the value of any other) from the enclosing function.
#define SY_TRY(expression)                                            \
  do {                                                                \
    if (auto sy_outcome = (expression); !sy_outcome.has_value()) {    \
      return ::switchyard::Unexpected(std::move(sy_outcome).error()); \
    }                                                                 \
  } while (false)

#define SY_ASSIGN_INNER(holder, target, expression)                                    \
  auto holder = (expression);                                                          \
  if (!holder.has_value()) return ::switchyard::Unexpected(std::move(holder).error()); \
  target = std::move(holder).value()

// SY_ASSIGN(auto x, make_x()): declares or assigns the value, or returns the error.
#define SY_ASSIGN(target, expression) \
  SY_ASSIGN_INNER(SY_CONCAT(sy_result_, __LINE__), target, expression)
