// tests/gpu/nccl/log_text.h -- what ranks log, as text. For tests only.
#pragma once

#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "runtime/base/log.h"

namespace switchyard::comm::test {

// What the ranks log, of all of them.
class LogText {
 public:
  [[nodiscard]] Log log() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    auto made = std::make_shared<spdlog::logger>("test", std::move(sink));
    made->set_level(spdlog::level::info);
    return made;
  }
  [[nodiscard]] std::string text() const { return text_.str(); }
  [[nodiscard]] std::size_t count(const std::string& word) const {
    const std::string all = text_.str();
    std::size_t found = 0;
    for (auto at = all.find(word); at != std::string::npos; at = all.find(word, at + 1)) ++found;
    return found;
  }

 private:
  std::ostringstream text_;
};

}  // namespace switchyard::comm::test
