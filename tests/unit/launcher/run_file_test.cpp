#include "launcher/run_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace switchyard::launcher {
namespace {

namespace fs = std::filesystem;

struct RunFileTest : ::testing::Test {
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-run-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder + "/run.json";
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string folder;
  std::string path;
};

TEST_F(RunFileTest, IsReadAsItWasWritten) {
  RunFile run;
  run.controller = {"127.0.0.1", 7070};
  run.secret_file = "/here/secret";
  run.admin = net::Endpoint{"127.0.0.2", 7071};
  run.admin_token_file = "/here/admin-token";
  run.pid = 42;
  run.tls = net::TlsFiles{"/here/a.pem", "/here/a.key", "/here/ca.pem"};
  ASSERT_TRUE(write_run_file(path, run).has_value());
  EXPECT_EQ(fs::status(path).permissions() & fs::perms::mask,
            fs::perms::owner_read | fs::perms::owner_write);
  const auto read = read_run_file(path).value();
  EXPECT_EQ(net::to_string(read.controller), "127.0.0.1:7070");
  EXPECT_EQ(read.secret_file, run.secret_file);
  ASSERT_TRUE(read.admin);
  EXPECT_EQ(net::to_string(*read.admin), "127.0.0.2:7071");
  EXPECT_EQ(read.admin_token_file, run.admin_token_file);
  EXPECT_EQ(read.pid, 42);
  ASSERT_TRUE(read.tls);
  EXPECT_EQ(read.tls->certificate, run.tls->certificate);
  EXPECT_EQ(read.tls->key, run.tls->key);
  EXPECT_EQ(read.tls->authority, run.tls->authority);
}

TEST_F(RunFileTest, WhatIsNotNeededMayBeMissing) {
  RunFile run;
  run.controller = {"127.0.0.1", 7070};
  ASSERT_TRUE(write_run_file(path, run).has_value());
  const auto read = read_run_file(path).value();
  EXPECT_FALSE(read.admin || read.tls);
  EXPECT_EQ(read.secret_file + read.admin_token_file, "");
}

TEST_F(RunFileTest, SaysWhatIsWrong) {
  EXPECT_EQ(read_run_file(path).error().code, ErrorCode::kNotFound);
  for (const char* text : {"", "[]", "{}", R"({"controller": 5})", R"({"controller": "nowhere"})",
                           R"({"controller": "127.0.0.1:1", "admin": "nowhere"})"}) {
    std::ofstream(path) << text;
    EXPECT_EQ(read_run_file(path).error().code, ErrorCode::kBadInput) << text;
  }
}

}  // namespace
}  // namespace switchyard::launcher
