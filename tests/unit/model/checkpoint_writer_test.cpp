#include "runtime/model/checkpoint/safetensors_writer.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>

#include "runtime/model/checkpoint/safetensors.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using test::read_file;
using test::TempDirectory;

std::size_t files_in(const TempDirectory& directory) {
  const std::filesystem::directory_iterator files(directory.path());
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TempDirectory directory;
  const std::string path = directory.file("logits.safetensors");
  const std::vector<float> first = {1, 2, 3, 4, 5, 6};
  const std::vector<float> second = {-7.5F};
  const std::uint16_t half = 0x3C00;
  ASSERT_TRUE(write_safetensors(
      path,
      {{"a-half", &element_type_of(DType::kF16), {1}, std::as_bytes(std::span(&half, 1))},
       fp32_tensor("z", {2, 3}, first),
       fp32_tensor("id \"1\"\n", {1, 1}, second)},
      {{"made_by", "test"}}));
  const std::string file = read_file(path);
  const auto parsed = parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), path);
  ASSERT_TRUE(parsed) << parsed.error().message;
  std::vector<std::string> names;
  for (const auto& tensor : parsed->tensors()) names.push_back(tensor.name);
  EXPECT_THAT(names, ::testing::ElementsAre("id \"1\"\n", "z", "a-half"));
  const TensorEntry* z = parsed->find("z");
  EXPECT_THAT(z->shape, ::testing::ElementsAre(2, 3));
  std::vector<float> back(6);
  std::memcpy(back.data(), file.data() + z->begin_offset, z->bytes);
  EXPECT_EQ(back, first);
  EXPECT_EQ((parsed->tensors()[0].begin_offset) % 8, 0U);
  EXPECT_EQ(files_in(directory), 1U);
}

TEST(SafetensorsWriter, GivesEqualFilesForAnyOrder) {
  const TempDirectory directory;
  const std::vector<float> x = {1};
  const std::vector<float> y = {2};
  ASSERT_TRUE(
      write_safetensors(directory.file("1"), {fp32_tensor("x", {1}, x), fp32_tensor("y", {1}, y)}));
  ASSERT_TRUE(
      write_safetensors(directory.file("2"), {fp32_tensor("y", {1}, y), fp32_tensor("x", {1}, x)}));
  EXPECT_EQ(read_file(directory.file("1")), read_file(directory.file("2")));
}

TEST(SafetensorsWriter, RefusesBadNamesAndLeavesTheOldFile) {
  const TempDirectory directory;
  const std::string path = directory.file("out");
  test::write_file(path, "old");
  const std::vector<float> x = {1};
  for (const char* name : {"x", "__metadata__", "\xff"}) {
    const auto outcome =
        write_safetensors(path, {fp32_tensor("x", {1}, x), fp32_tensor(name, {1}, x)});
    ASSERT_FALSE(outcome) << name;
    EXPECT_EQ(outcome.error().code, ErrorCode::kBadInput);
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(directory), 1U);
}

TEST(SafetensorsWriter, ReportsWhatTheSystemRefuses) {
  const TempDirectory directory;
  const std::vector<float> x = {1};
  for (const std::string& path : {directory.file("no/such/folder"), directory.path()}) {
    const auto outcome = write_safetensors(path, {fp32_tensor("x", {1}, x)});
    ASSERT_FALSE(outcome) << path;
    EXPECT_EQ(outcome.error().code, ErrorCode::kIo);
    EXPECT_THAT(outcome.error().message, ::testing::HasSubstr(path));
  }
  EXPECT_EQ(files_in(directory), 0U);
}

}  // namespace
}  // namespace switchyard::model
