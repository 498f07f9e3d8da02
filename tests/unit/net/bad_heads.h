// tests/unit/net/bad_heads.h -- heads of HTTP requests that must be refused, each with the status:
// a table that the judge's own test and the test over a real socket share. Thread safety:
// constants.
#pragma once

#include <string>
#include <vector>

namespace switchyard::net {

struct BadHead {
  const char* name;
  std::string head;  // with the empty line
  unsigned status = 400;
};

[[nodiscard]] std::vector<BadHead> bad_heads();

}  // namespace switchyard::net
