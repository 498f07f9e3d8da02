#include "launcher/launch/last_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace switchyard::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kRuler(74, '-');

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream log(text);
  return last_words(log);
}

TEST(LastWords, AreTheLastLineThatSaysSomething) {
  EXPECT_THAT(words_of("first\nsecond\n\n   \n"), ElementsAre("second"));
  EXPECT_THAT(words_of("no line's end"), ElementsAre("no line's end"));
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of("\n--\n***\n"), IsEmpty());
}

TEST(LastWords, OfMpirunAreTheBeginningOfItsMessage) {
  EXPECT_THAT(
      words_of(kRuler +
               "\nThere are not enough slots available in the system to satisfy the 3\n"
               "slots that were requested by the application:\n\n  switchyard\n\nEither request "
               "fewer slots\nfor your application, or make\nmore slots available.\n" +
               kRuler + "\n"),
      ElementsAre("There are not enough slots available in the system to satisfy the 3",
                  "slots that were requested by the application:", "  switchyard",
                  "Either request fewer slots"));
}

TEST(LastWords, HaveWhatWasSaidBeforeTheMessage) {
  const std::string message = "\nORTE was unable to reliably start one or more daemons.\n";
  EXPECT_THAT(words_of("ssh: Could not resolve hostname x\n" + kRuler + message + kRuler + "\n"),
              ElementsAre("ssh: Could not resolve hostname x",
                          "ORTE was unable to reliably start one or more daemons."));
  EXPECT_THAT(words_of("early\n" + kRuler + "\nanother\n" + kRuler + "\n" + kRuler + message +
                       kRuler + "\n"),
              ElementsAre("another", "ORTE was unable to reliably start one or more daemons."));
}

TEST(LastWords, OfRulersAloneAreNone) {
  EXPECT_THAT(words_of(kRuler + "\n"), IsEmpty());
  EXPECT_THAT(words_of(kRuler + "\n" + kRuler + "\n"), IsEmpty());
  EXPECT_THAT(words_of("said\n" + kRuler + "\n"), ElementsAre("said"));
}

}  // namespace
}  // namespace switchyard::launcher
