// Each event has its level, so that a log that shows warnings only shows what went wrong.
#include "runtime/net/event_log.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "runtime/control/event_about.h"

namespace switchyard::net {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() {
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::warn);
  }
  std::string logged(const char* kind) {
    text.str({});
    EventLog(logger).event({1, kind, "text", control::about_rank(RankId(3))});
    return text.str();
  }
  std::ostringstream text;
  Log logger = std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
};

TEST_F(EventLogTest, ALogOfWarningsTellsOfDeathsAndNotOfTheDailyRound) {
  EXPECT_THAT(logged("rank_dead"), HasSubstr("\"level\":\"warning\",\"component\":\"controller\","
                                             "\"event\":\"rank_dead\""));
  EXPECT_THAT(logged("rank_dead"), HasSubstr("\"rank\":3"));
  EXPECT_THAT(logged("tokens_differ"), HasSubstr("\"level\":\"error\""));
  EXPECT_THAT(logged("journal_failed"), HasSubstr("\"level\":\"error\""));
  EXPECT_THAT(logged("request_done"), IsEmpty());
}

TEST_F(EventLogTest, ALogOfEverythingSaysWhatIsInfo) {
  logger->set_level(spdlog::level::info);
  EXPECT_THAT(logged("request_done"), HasSubstr("\"level\":\"info\""));
}

}  // namespace
}  // namespace switchyard::net
