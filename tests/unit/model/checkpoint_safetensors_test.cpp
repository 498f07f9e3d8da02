#include "runtime/model/checkpoint/safetensors.h"

#include <gmock/gmock.h>

#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using test::raw_safetensors;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<TensorDirectory> parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), "m.safetensors");
}

TEST(SafetensorsHeader, ListsTensorsInFileOrder) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}   )";
  const auto parsed = parse(raw_safetensors(header, 28));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->tensors().size(), 2U);
  EXPECT_EQ(parsed->tensors()[0].name, "a");
  const TensorEntry* b = parsed->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->type->name, "F32");
  EXPECT_THAT(b->shape, ElementsAre(2, 3));
  EXPECT_EQ(b->begin_offset, 8 + header.size() + 4);
  EXPECT_EQ(b->bytes, 24U);
  EXPECT_EQ(parsed->find("c"), nullptr);
}

TEST(SafetensorsHeader, AllowsNoTensorsEmptyTensorsAndScalars) {
  EXPECT_TRUE(parse(raw_safetensors("{}", 0)));
  const auto parsed =
      parse(raw_safetensors(R"({"x":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                            R"("empty":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},)"
                            R"("nibbles":{"dtype":"F4","shape":[3,2],"data_offsets":[8,11]}})",
                            11));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->find("empty")->bytes, 0U);
}

TEST(SafetensorsHeader, RefusesEveryTruncation) {
  const std::string whole =
      raw_safetensors(R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})", 4);
  ASSERT_TRUE(parse(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto parsed = parse(whole.substr(0, length));
    ASSERT_FALSE(parsed) << length;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadInput) << length;
    EXPECT_THAT(parsed.error().message, HasSubstr("m.safetensors"));
  }
}

struct BadHeader {
  const char* name;
  const char* header;
  std::size_t data_bytes;
  ErrorCode code;
  const char* named;  // must be in the message
};

void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.name; }

class BadHeaders : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaders, AreRefusedByName) {
  const BadHeader& bad = GetParam();
  const auto parsed = parse(raw_safetensors(bad.header, bad.data_bytes));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, bad.code) << parsed.error().message;
  EXPECT_THAT(parsed.error().message, HasSubstr("m.safetensors"));
  EXPECT_THAT(parsed.error().message, HasSubstr(bad.named));
}

constexpr auto kBad = ErrorCode::kBadInput;
INSTANTIATE_TEST_SUITE_P(
    Safetensors, BadHeaders,
    ::testing::Values(
        BadHeader{
            "hole",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
            3, kBad, R"("b")"},
        BadHeader{"hole_at_start", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
                  kBad, R"("a")"},
        BadHeader{
            "overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3, kBad, R"("b")"},
        BadHeader{
            "same_place",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
            2, kBad, "overlap"},
        BadHeader{"trailing", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3, kBad,
                  "3 bytes"},
        BadHeader{"beyond_end", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 3, kBad,
                  R"("a")"},
        BadHeader{"wrong_size", R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,15]}})", 15,
                  kBad, "needs 16"},
        BadHeader{"backwards", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}})", 1, kBad,
                  "[1, 0]"},
        BadHeader{"overflow",
                  R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                  0, kBad, "4294967296"},
        BadHeader{"overflow_by_bits",
                  R"({"a":{"dtype":"F64","shape":[288230376151711744],"data_offsets":[0,0]}})", 0,
                  kBad, R"("a")"},
        BadHeader{"past_u64",
                  R"({"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]}})", 0,
                  kBad, "shape"},
        BadHeader{"half_byte", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2, kBad,
                  R"("a")"},
        BadHeader{
            "duplicate",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, kBad, R"("a")"},
        BadHeader{"duplicate_field",
                  R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, kBad,
                  "dtype"},
        BadHeader{"unknown_dtype", R"({"a":{"dtype":"F17","shape":[1],"data_offsets":[0,1]}})", 1,
                  kBad, "F17"},
        BadHeader{"no_dtype", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, kBad, "dtype"},
        BadHeader{"no_shape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, kBad, "shape"},
        BadHeader{"no_offsets", R"({"a":{"dtype":"U8","shape":[1]}})", 1, kBad, "data_offsets"},
        BadHeader{"shape_is_a_number", R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1,
                  kBad, "shape"},
        BadHeader{"negative_extent", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1,
                  kBad, "shape"},
        BadHeader{"fractional_extent", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})",
                  1, kBad, "shape"},
        BadHeader{"three_offsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", 1,
                  kBad, "data_offsets"},
        BadHeader{"tensor_is_a_list", R"({"a":[]})", 0, kBad, R"("a")"},
        BadHeader{"metadata_of_numbers", R"({"__metadata__":{"n":1}})", 0, kBad, "__metadata__"},
        BadHeader{"metadata_is_a_string", R"({"__metadata__":"x"})", 0, kBad, "__metadata__"},
        BadHeader{"leading_space", R"( {})", 0, kBad, "{"},
        BadHeader{"not_json", R"({"a")", 0, kBad, "JSON"},
        BadHeader{"too_deep", R"({"a":{"dtype":"U8","shape":[[[1]]],"data_offsets":[0,1]}})", 1,
                  ErrorCode::kLimit, "4"}),
    [](const auto& test_case) { return test_case.param.name; });

TEST(SafetensorsHeader, RefusesAHeaderBeyondTheFormatsLimit) {
  std::string file = raw_safetensors("{}", 0);
  const std::uint64_t length = kSafetensorsHeaderBytesMax + 1;
  std::copy_n(reinterpret_cast<const char*>(&length), 8, file.begin());
  const auto parsed = parse_safetensors_header(std::as_bytes(std::span(file)), length + 8, "m");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kLimit);
  file.replace(0, 8, std::string(8, '\xff'));
  EXPECT_EQ(parse(file).error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace switchyard::model
