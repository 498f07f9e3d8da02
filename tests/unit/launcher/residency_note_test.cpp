#include "launcher/launch/residency_note.h"

#include <gtest/gtest.h>

#include "runtime/control/residency_text.h"

namespace switchyard::launcher {
namespace {

std::string note(const std::string& rules, const std::string& places) {
  return residency_note(control::parse_residency(rules).value(),
                        placement::parse_places(places, 4).value());
}

TEST(ResidencyNote, NamesTheRegionsWithoutRanksAndThoseThereAre) {
  EXPECT_EQ(note("eu/gdpr=mars", "0-1=eu/a,2=us"),
            "--residency: no rank is in mars; regions with ranks: eu, us");
  EXPECT_EQ(note("eu/gdpr=eu+moon;us=mars", "0-1=eu"),
            "--residency: no rank is in mars, moon; regions with ranks: eu");
  EXPECT_EQ(note("eu/gdpr=eu", ""),
            "--residency: no rank is in eu; no rank has a region (--regions)");
}

TEST(ResidencyNote, SaysNothingWhereEveryRegionHasARank) {
  EXPECT_EQ(note("eu/gdpr=eu;us=us+eu", "0-1=eu,2=us"), "");
  EXPECT_EQ(note("", ""), "");
}

}  // namespace
}  // namespace switchyard::launcher
