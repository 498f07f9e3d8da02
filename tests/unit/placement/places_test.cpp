#include "runtime/placement/places.h"

#include <gtest/gtest.h>

namespace switchyard::placement {
namespace {

TEST(Places, RangesAndSingleRanksGetRegionAndZone) {
  const auto places = parse_places("0-1=eu-west/a,3=us-east", 4);
  ASSERT_TRUE(places) << places.error().message;
  EXPECT_EQ((*places)[0].region, "eu-west");
  EXPECT_EQ((*places)[1].zone, "a");
  EXPECT_EQ((*places)[2].region, "");
  EXPECT_EQ((*places)[3].region, "us-east");
  EXPECT_EQ((*places)[3].zone, "");
}

TEST(Places, AnEmptyTextGivesNone) {
  const auto places = parse_places("", 2);
  ASSERT_TRUE(places);
  EXPECT_EQ((*places)[1].region, "");
}

TEST(Places, WhatIsWrongIsQuoted) {
  for (const char* text : {"0", "=eu", "a=eu", "1-0=eu", "0-4=eu", "0=", "0=eu,0=us", "0=/a", ",",
                           "18446744073709551616=eu"}) {
    const auto places = parse_places(text, 4);
    ASSERT_FALSE(places) << text;
    EXPECT_EQ(places.error().code, ErrorCode::kConfig);
    EXPECT_NE(places.error().message.find("regions: '"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace switchyard::placement
