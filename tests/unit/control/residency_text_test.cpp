#include "runtime/control/residency_text.h"

#include <gtest/gtest.h>

namespace switchyard::control {
namespace {

TEST(ResidencyText, RulesNameTheirRegions) {
  const auto rules = parse_residency("eu/gdpr=eu-west+eu-north;us=us-east");
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_EQ(rules->size(), 2U);
  EXPECT_EQ((*rules)[0].regime, "eu/gdpr");
  EXPECT_EQ((*rules)[0].regions, (std::vector<std::string>{"eu-west", "eu-north"}));
  EXPECT_EQ((*rules)[1].regions, std::vector<std::string>{"us-east"});
}

TEST(ResidencyText, NothingIsNoRule) {
  const auto rules = parse_residency("");
  ASSERT_TRUE(rules);
  EXPECT_TRUE(rules->empty());
}

TEST(ResidencyText, WhatIsWrongIsQuoted) {
  for (const char* text : {"eu", "=eu", "eu=", "eu=a++b", "eu=a;eu=b", ";", "eu=a;;us=b"}) {
    const auto rules = parse_residency(text);
    ASSERT_FALSE(rules) << text;
    EXPECT_EQ(rules.error().code, ErrorCode::kConfig);
  }
}

}  // namespace
}  // namespace switchyard::control
