#include "launcher/timeline/trace_file.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace switchyard::launcher {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

// Microseconds with three decimals, exactly.
std::string us(std::int64_t ns) {
  const std::int64_t whole = ns / 1000;
  return fmt::format("{}.{:03}", whole, ns - whole * 1000);
}

}  // namespace

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<TraceFile> TraceFile::create(const std::string& path) {
  SY_ASSIGN(auto file, OutputFile::create(path));
  TraceFile out(std::move(file));
  out.buffer_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  return out;
}

void TraceFile::event(std::string_view text) {
  if (events_++ != 0) buffer_ += ",\n";
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void TraceFile::flush() {
  file_.write(buffer_);
  buffer_.clear();
}

void TraceFile::complete(TraceRow row, std::string_view name, std::int64_t begin_ns,
                         std::int64_t end_ns, std::string_view args) {
  event(fmt::format(R"({{"ph":"X","name":"{}","pid":{},"tid":{},"ts":{},"dur":{},"args":{}}})",
                    name, row.process, row.thread, us(begin_ns), us(end_ns - begin_ns), args));
}

void TraceFile::instant(TraceRow row, Scope scope, std::string_view name, std::int64_t at_ns,
                        std::string_view args) {
  event(fmt::format(R"({{"ph":"i","s":"{}","name":{},"pid":{},"tid":{},"ts":{},"args":{}}})",
                    scope == Scope::kGlobal ? 'g' : 'p', json_text(name), row.process, row.thread,
                    us(at_ns), args));
}

void TraceFile::async(TraceRow row, std::string_view category, std::string_view id,
                      std::string_view name, std::int64_t begin_ns, std::int64_t end_ns,
                      std::string_view args) {
  const auto side = [&](char phase, std::int64_t at_ns, std::string_view what) {
    event(fmt::format(
        R"({{"ph":"{}","cat":"{}","id2":{{"local":"{}"}},"name":"{}","pid":{},"tid":{},"ts":{},"args":{}}})",
        phase, category, id, name, row.process, row.thread, us(at_ns), what));
  };
  side('b', begin_ns, args);
  side('e', end_ns, "{}");
}

void TraceFile::flow(TraceRow row, FlowEnd end, std::string_view id, std::int64_t at_ns) {
  event(fmt::format(
      R"({{"ph":"{}","cat":"exchange","name":"rows","id":"{}","pid":{},"tid":{},"ts":{}{}}})",
      end == FlowEnd::kFrom ? 's' : 'f', id, row.process, row.thread, us(at_ns),
      end == FlowEnd::kFrom ? "" : R"(,"bp":"e")"));
}

void TraceFile::name_process(std::uint64_t process, std::string_view name) {
  event(fmt::format(R"({{"ph":"M","name":"process_name","pid":{},"args":{{"name":{}}}}})", process,
                    json_text(name)));
  event(
      fmt::format(R"({{"ph":"M","name":"process_sort_index","pid":{},"args":{{"sort_index":{}}}}})",
                  process, process));
}

void TraceFile::name_thread(TraceRow row, std::string_view name) {
  event(fmt::format(R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":{}}}}})",
                    row.process, row.thread, json_text(name)));
  event(fmt::format(
      R"({{"ph":"M","name":"thread_sort_index","pid":{},"tid":{},"args":{{"sort_index":{}}}}})",
      row.process, row.thread, row.thread));
}

Result<void> TraceFile::finish(std::string_view facts) {
  buffer_ += fmt::format("\n],\"otherData\":{}}}\n", facts);
  flush();
  return file_.finish();
}

}  // namespace switchyard::launcher
