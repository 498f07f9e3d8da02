#include "launcher/timeline/trace_file.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace switchyard::launcher {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

std::string part_of(const std::string& path) { return path + ".part"; }

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
  std::FILE* file = std::fopen(part_of(path).c_str(), "wb");
  if (file == nullptr) {
    return fail(ErrorCode::kIo, "{}: cannot be written: {}", path, std::strerror(errno));
  }
  TraceFile out(path, file);
  out.buffer_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  return out;
}

TraceFile::TraceFile(TraceFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, nullptr)),
      buffer_(std::move(other.buffer_)),
      events_(other.events_),
      failed_(other.failed_) {}

TraceFile::~TraceFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(part_of(path_).c_str());
}

void TraceFile::event(std::string_view text) {
  if (events_++ != 0) buffer_ += ",\n";
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void TraceFile::flush() {
  failed_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size();
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
  failed_ |= std::fclose(std::exchange(file_, nullptr)) != 0;
  const std::string part = part_of(path_);
  if (failed_) {
    std::remove(part.c_str());
    return fail(ErrorCode::kIo, "{}: cannot be written", path_);
  }
  if (std::rename(part.c_str(), path_.c_str()) != 0) {
    return fail(ErrorCode::kIo, "{}: cannot be replaced: {}", path_, std::strerror(errno));
  }
  return {};
}

}  // namespace switchyard::launcher
