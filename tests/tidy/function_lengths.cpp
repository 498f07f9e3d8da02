#include "tests/tidy/function_lengths.h"

#include <regex>

namespace switchyard::tidy {
namespace {

enum class Scope { kOuter, kFunction, kInner, kInitialiser };

// What an opening brace opens, told from the text between the last statement and the brace.
Scope scope_of(const std::string& head, Scope enclosing) {
  if (enclosing != Scope::kOuter) return Scope::kInner;
  static const std::regex kOuter(R"((^|[\s>\]])(namespace|class|struct|union|enum|extern)\b)");
  static const std::regex kCall(R"(\))");
  // `Type(int a) : a_` before {: the brace initialises a member, the body is yet to come.
  static const std::regex kMember(R"(\)\s*(noexcept\s*)?:[^:][\s\S]*[A-Za-z0-9_>]\s*$)");
  static const std::regex kTail(R"((\)|const|noexcept|override|final|&|\}|->[^;{}]*)\s*$)");
  if (std::regex_search(head, kMember)) return Scope::kInitialiser;
  if (std::regex_search(head, kCall) && std::regex_search(head, kTail)) return Scope::kFunction;
  if (std::regex_search(head, kOuter)) return Scope::kOuter;
  return Scope::kInner;
}

struct Open {
  Scope scope;
  int line;
};

}  // namespace

std::vector<FunctionLength> function_lengths(std::string_view code) {
  std::vector<FunctionLength> functions;
  std::vector<Open> open;
  std::string head;
  int line = 1;
  bool at_line_start = true;
  bool directive = false;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\n') {
      const bool goes_on = i > 0 && code[i - 1] == '\\';
      directive = directive && goes_on;
      at_line_start = true;
      ++line;
      head += ' ';
      continue;
    }
    if (at_line_start && c == '#') directive = true;
    if (c != ' ') at_line_start = false;
    if (directive) continue;
    if (c == '{') {
      const Scope enclosing = open.empty() ? Scope::kOuter : open.back().scope;
      open.push_back({scope_of(head, enclosing), line});
      if (open.back().scope != Scope::kInitialiser) head.clear();
    } else if (c == '}') {
      if (open.empty()) continue;
      const Open closed = open.back();
      open.pop_back();
      if (closed.scope == Scope::kFunction) {
        functions.push_back({closed.line, line - closed.line + 1});
      }
      if (closed.scope == Scope::kInitialiser) {
        head += '}';
      } else {
        head.clear();
      }
    } else if (c == ';') {
      head.clear();
    } else {
      head += c;
    }
  }
  return functions;
}

}  // namespace switchyard::tidy
