// How lines of the log look, for people and as JSON; and that nobody can forge one.
#include "runtime/base/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace switchyard {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class Logged {
 public:
  explicit Logged(LogFormat format) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out_);
    log_ = std::make_shared<spdlog::logger>("test", std::move(sink));
    log_->set_formatter(make_line_formatter(RankId(2), format));
  }
  [[nodiscard]] const Log& log() const { return log_; }
  [[nodiscard]] std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
  Log log_;
};

TEST(LogLines, AnEventAsJsonHasWhatItIsAbout) {
  const Logged logged(LogFormat::kJson);
  log_event(logged.log(), spdlog::level::info, "request_finished", "length after 5 tokens",
            {Epoch(4), 17U, "4bf92f3577b34da6a3ce929d0e0e4736"});
  EXPECT_THAT(
      logged.text(),
      MatchesRegex(
          "\\{\"ts\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z\",\"level\":\"info\","
          "\"component\":\"rank\",\"rank\":2,\"event\":\"request_finished\",\"epoch\":4,"
          "\"request\":17,\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
          "\"msg\":\"length after 5 tokens\"\\}\n"));
}

TEST(LogLines, WhatDoesNotApplyStaysOut) {
  const Logged logged(LogFormat::kJson);
  log_event(logged.log(), spdlog::level::warn, "controller_lost", "gone");
  EXPECT_THAT(logged.text(), HasSubstr("\"event\":\"controller_lost\",\"msg\":\"gone\"}"));
  EXPECT_THAT(logged.text(), HasSubstr("\"level\":\"warning\""));
}

TEST(LogLines, PlainLinesAreMessages) {
  const Logged logged(LogFormat::kJson);
  logged.log()->info("so {} says", 1);
  EXPECT_THAT(logged.text(), HasSubstr("\"event\":\"message\",\"msg\":\"so 1 says\"}"));
}

TEST(LogLines, ForPeopleTheyReadAsText) {
  const Logged logged(LogFormat::kText);
  log_event(logged.log(), spdlog::level::info, "view_adopted", "3 \"members\"",
            {Epoch(4), 5U, "ab"});
  EXPECT_THAT(logged.text(),
              MatchesRegex("\\[[0-9:.]{12}\\] \\[rank 2\\] \\[info\\] view_adopted: 3 \"members\" "
                           "\\(epoch 4, request 5, trace ab\\)\n"));
}

TEST(LogLines, NobodyForgesALine) {
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    const Logged logged(format);
    log_event(logged.log(), spdlog::level::info, "peer_refused",
              "x\n{\"event\":\"forged\"}\r\x1b[2J\x1e\x1f \x7f");
    const auto text = logged.text();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    for (const char letter : {'\r', '\x1b', '\x1e', '\x1f', '\x7f'}) {
      EXPECT_EQ(text.find(letter), std::string::npos) << static_cast<int>(letter);
    }
    EXPECT_THAT(text, Not(HasSubstr("\n{\"event\"")));
  }
}

TEST(LogLines, EscapesForJsonAndReplacesWhatIsNoUtf8) {
  EXPECT_EQ(json_escaped("a\"b\\c\n\t\r\x01"), "a\\\"b\\\\c\\n\\t\\r\\u0001");
  EXPECT_EQ(json_escaped("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x82"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x82");
  const std::string replaced = "\xef\xbf\xbd";
  for (const char* bad : {"\xff", "\xc0", "\xc3", "\x80"}) EXPECT_EQ(json_escaped(bad), replaced);
  EXPECT_EQ(json_escaped("\xed\xa0\x80"), replaced + replaced + replaced);  // a surrogate
  EXPECT_EQ(json_escaped("\xe0\x80\xaf"), replaced + replaced + replaced);  // overlong
  EXPECT_EQ(printable("a\"b\\\n"), "a\"b\\\\n");
}

TEST(LogFormats, AreTextAndJson) {
  EXPECT_EQ(parse_log_format("text").value(), LogFormat::kText);
  EXPECT_EQ(parse_log_format("json").value(), LogFormat::kJson);
  EXPECT_FALSE(parse_log_format("xml").has_value());
}

}  // namespace
}  // namespace switchyard
