#include "tests/tidy/source_tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace switchyard::tidy {
namespace {

namespace fs = std::filesystem;

std::vector<SourceFile> load_sources() {
  const fs::path root(SWITCHYARD_SOURCE_DIR);
  std::vector<SourceFile> files;
  for (const char* folder : {"runtime", "kernels", "comm", "launcher", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      const bool source = extension == ".cpp" || extension == ".cu";
      const bool header = extension == ".h" || extension == ".cuh";
      if (!source && !header) continue;
      SourceFile file;
      file.path = fs::relative(entry.path(), root).generic_string();
      file.text = read_text(file.path);
      file.code = blank_comments_and_literals(file.text);
      files.push_back(std::move(file));
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Copies text to code, blank where told; line breaks always stay.
class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text), code_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (starts("//")) {
        blank_to(text_.find('\n', at_));
      } else if (starts("/*")) {
        const auto end = text_.find("*/", at_ + 2);
        blank_to(end == std::string_view::npos ? end : end + 2);
      } else if (starts("R\"") && (at_ == 0 || !is_word(text_[at_ - 1]))) {
        blank_raw_string();
      } else if (text_[at_] == '"' || is_character_quote()) {
        blank_literal(text_[at_]);
      } else {
        ++at_;
      }
    }
    return std::move(code_);
  }

 private:
  [[nodiscard]] bool starts(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }
  // A quote inside a number separates digits: 1'000.
  [[nodiscard]] bool is_character_quote() const {
    return text_[at_] == '\'' && (at_ == 0 || !is_word(text_[at_ - 1]));
  }
  void blank_to(std::size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_) {
      if (text_[at_] != '\n') code_[at_] = ' ';
    }
  }
  void blank_raw_string() {
    const auto open = text_.find('(', at_);
    if (open == std::string_view::npos) return blank_to(open);
    const std::string close = fmt::format("){}\"", text_.substr(at_ + 2, open - at_ - 2));
    const auto end = text_.find(close, open);
    blank_to(end == std::string_view::npos ? end : end + close.size());
  }
  void blank_literal(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    ++at_;
    blank_to(end);
    ++at_;
  }

  std::string_view text_;
  std::string code_;
  std::size_t at_ = 0;
};

}  // namespace

bool SourceFile::in(std::string_view folder) const {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

const std::vector<SourceFile>& source_files() {
  static const std::vector<SourceFile> kFiles = load_sources();
  return kFiles;
}

std::string read_text(std::string_view path) {
  std::ifstream stream(fs::path(SWITCHYARD_SOURCE_DIR) / path, std::ios::binary);
  EXPECT_TRUE(stream) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    if (!line.starts_with("#include ")) continue;
    const auto open = line.find_first_of("\"<");
    const auto close = line.find_first_of("\">", open + 1);
    if (open == std::string::npos || close == std::string::npos) continue;
    includes.push_back({line.substr(open + 1, close - open - 1), number});
  }
  return includes;
}

std::string blank_comments_and_literals(std::string_view text) { return Blanker(text).run(); }

}  // namespace switchyard::tidy
