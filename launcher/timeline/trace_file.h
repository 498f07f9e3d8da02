// launcher/timeline/trace_file.h -- writes events in the Trace Event Format (JSON) that
// ui.perfetto.dev and chrome://tracing read, one after the other, to an OutputFile. Not what the
// events mean (trace_export.h). Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/output_file.h"

namespace switchyard::launcher {

// A row of the picture.
struct TraceRow {
  std::uint64_t process = 0;
  std::uint64_t thread = 0;
};

class TraceFile {
 public:
  // Errors: kIo naming the path.
  [[nodiscard]] static Result<TraceFile> create(const std::string& path);

  // Times in ns from the start of the trace. `args`: a JSON object as text. Names are plain words,
  // but an instant's may be anything.
  void complete(TraceRow row, std::string_view name, std::int64_t begin_ns, std::int64_t end_ns,
                std::string_view args);
  enum class Scope { kProcess, kGlobal };
  void instant(TraceRow row, Scope scope, std::string_view name, std::int64_t at_ns,
               std::string_view args);
  // An async pair: rows of its own below the process.
  void async(TraceRow row, std::string_view category, std::string_view id, std::string_view name,
             std::int64_t begin_ns, std::int64_t end_ns, std::string_view args);
  // An arrow from one event's beginning to another's; the two calls share the id.
  enum class FlowEnd { kFrom, kTo };
  void flow(TraceRow row, FlowEnd end, std::string_view id, std::int64_t at_ns);
  void name_process(std::uint64_t process, std::string_view name);
  void name_thread(TraceRow row, std::string_view name);

  [[nodiscard]] std::size_t event_count() const noexcept { return events_; }
  // `facts`: a JSON object as text, for otherData. Errors: kIo naming the path.
  [[nodiscard]] Result<void> finish(std::string_view facts);

 private:
  explicit TraceFile(OutputFile file) : file_(std::move(file)) {}
  void event(std::string_view text);
  void flush();

  OutputFile file_;
  std::string buffer_;
  std::size_t events_ = 0;
};

// A JSON string literal; bytes that are no UTF-8 come out as replacement characters.
[[nodiscard]] std::string json_text(std::string_view text);

}  // namespace switchyard::launcher
