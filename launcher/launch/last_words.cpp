#include "launcher/launch/last_words.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <iterator>

namespace switchyard::launcher {
namespace {

// Longer than any message of Open MPI.
constexpr std::size_t kLinesKept = 80;
// Of a message between rulers: what it is about comes first.
constexpr std::size_t kMessageLines = 4;

bool says_something(const std::string& line) {
  return std::ranges::any_of(line, [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool is_ruler(const std::string& line) {
  return line.size() >= 20 && line.find_first_not_of('-') == std::string::npos;
}

}  // namespace

std::vector<std::string> last_words(std::istream& log) {
  std::deque<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    if (!is_ruler(line) && !says_something(line)) continue;
    lines.push_back(line);
    if (lines.size() > kLinesKept) lines.pop_front();
  }
  std::vector<std::string> words;
  if (lines.empty()) return words;
  if (!is_ruler(lines.back())) return {lines.back()};
  lines.pop_back();
  const auto ruler = std::find_if(lines.rbegin(), lines.rend(), is_ruler);
  if (ruler == lines.rend()) {
    if (!lines.empty()) words.push_back(lines.back());
    return words;
  }
  const auto opening = ruler.base();
  // The line before the message: of ssh, or of the rank whose end the message is about.
  const auto before = std::find_if_not(ruler, lines.rend(), is_ruler);
  if (before != lines.rend()) words.push_back(*before);
  const auto shown = std::min<std::ptrdiff_t>(kMessageLines, std::distance(opening, lines.end()));
  words.insert(words.end(), opening, std::next(opening, shown));
  return words;
}

}  // namespace switchyard::launcher
