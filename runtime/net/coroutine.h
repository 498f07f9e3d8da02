// runtime/net/coroutine.h -- what every coroutine of this room shares: the task type, operations
// that answer with an error code instead of an exception, and SY_TRY for coroutines.
// GCC 12 destroys temporaries of co_await expressions twice in some forms: no lambda with captures
// is ever written inside one, and coroutines are named functions.
// Thread safety: no state.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "runtime/base/error.h"

namespace switchyard::net {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

template <class T>
using Task = asio::awaitable<T>;

// `const auto [error, n] = co_await operation(..., kOutcome);`
inline constexpr auto kOutcome = asio::as_tuple(asio::use_awaitable);

}  // namespace switchyard::net

// SY_TRY and SY_ASSIGN of base/error.h for functions that return a Task<Result<...>>. The
// expression may hold a co_await.
#define SY_CO_TRY(expression)                                            \
  do {                                                                   \
    if (auto sy_outcome = (expression); !sy_outcome.has_value()) {       \
      co_return ::switchyard::Unexpected(std::move(sy_outcome).error()); \
    }                                                                    \
  } while (false)

#define SY_CO_ASSIGN_INNER(holder, target, expression)                                    \
  auto holder = (expression);                                                             \
  if (!holder.has_value()) co_return ::switchyard::Unexpected(std::move(holder).error()); \
  target = std::move(holder).value()

#define SY_CO_ASSIGN(target, expression) \
  SY_CO_ASSIGN_INNER(SY_CONCAT(sy_result_, __LINE__), target, expression)
