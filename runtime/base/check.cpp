#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace switchyard::detail {

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  std::fprintf(stderr, "%s:%d: check failed: %s%s%s\n", file, line, condition,
               message.empty() ? "" : " -- ", message.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace switchyard::detail
