// runtime/base/output_file.h -- a file that a user named for a result. A regular file appears whole
// or not at all: it is written beside its place under a name of its own and renamed. What is no
// regular file (a pipe, a terminal, /dev/null) is written straight into and never replaced;
// symbolic links are followed. Not the controller's journal. Thread safety: shared objects: unsafe.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard {

class OutputFile {
 public:
  // Blocks for a pipe that nobody reads: half a minute at most. Errors: kIo naming the path.
  [[nodiscard]] static Result<OutputFile> create(const std::string& path);
  // Whether create() would succeed: asked before the work. Changes nothing, opens no pipe. Errors:
  // kIo naming the path.
  [[nodiscard]] static Result<void> check(const std::string& path);

  // Removes what is not finished, if it is a regular file.
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Does nothing after a failure, which finish() reports. Blocks: as long as a pipe's reader does.
  void write(std::string_view bytes);
  // Once. Errors: kIo naming the path.
  [[nodiscard]] Result<void> finish();

 private:
  OutputFile() = default;

  std::string path_;       // as given, for messages
  std::string target_;     // behind all links
  std::string temporary_;  // beside the target; empty: written straight
  int descriptor_ = -1;
  int failed_ = 0;  // errno of the first failure
};

}  // namespace switchyard
