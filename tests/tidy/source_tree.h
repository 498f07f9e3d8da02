// tests/tidy/source_tree.h -- the project's own source files as text, for rules about the text.
// `code` has comments and the contents of literals blanked out, line structure kept.
// Thread safety: distinct objects: safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchyard::tidy {

struct SourceFile {
  std::string path;  // from the root of the repository
  std::string text;
  std::string code;

  [[nodiscard]] bool is_header() const { return path.ends_with(".h") || path.ends_with(".cuh"); }
  [[nodiscard]] bool in(std::string_view folder) const;  // "comm/mpi": that folder or below
};

struct Include {
  std::string name;  // what is between the quotes or brackets
  int line = 0;
};

// Every .h and .cpp of runtime, kernels, comm, launcher and tests, sorted by path.
[[nodiscard]] const std::vector<SourceFile>& source_files();

// Any file of the repository; a test failure when it is not there.
[[nodiscard]] std::string read_text(std::string_view path);

[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
[[nodiscard]] std::vector<Include> includes_of(const SourceFile& file);

// Comments and the contents of string and character literals become spaces.
[[nodiscard]] std::string blank_comments_and_literals(std::string_view text);

}  // namespace switchyard::tidy
