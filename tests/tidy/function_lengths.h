// tests/tidy/function_lengths.h -- finds function bodies by their braces and counts their lines.
// A measure for a style rule, not a parser: it knows namespaces, types and function heads, and
// takes anything else with braces for part of what encloses it.
// Thread safety: shared objects safe (free function).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchyard::tidy {

struct FunctionLength {
  int line = 0;   // of the opening brace, counted from 1
  int lines = 0;  // from the opening to the closing brace, both included
};

// `code` as SourceFile::code: without comments and literals.
[[nodiscard]] std::vector<FunctionLength> function_lengths(std::string_view code);

}  // namespace switchyard::tidy
