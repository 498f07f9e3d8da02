// Endpoints, secrets, the handshake's arithmetic.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/control/codec.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/handshake.h"
#include "runtime/net/secret.h"

namespace switchyard::net {
namespace {

namespace fs = std::filesystem;

TEST(Endpoint, ReadsHostsAndPorts) {
  const auto plain = parse_endpoint("node7.cluster:4711").value();
  EXPECT_EQ(plain.host, "node7.cluster");
  EXPECT_EQ(plain.port, 4711);
  const auto six = parse_endpoint("[::1]:80").value();
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(to_string(six), "[::1]:80");
  for (const char* wrong : {"", "host", ":80", "host:", "host:0", "host:65536", "host:8x", "::1:80",
                            "host:-1", "host: 80"}) {
    const auto refused = parse_endpoint(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  }
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "localhost.example", "", "128.0.0.1"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

class SecretFile : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "secret_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove(path_);
  }
  void TearDown() override { fs::remove(path_); }
  void write(const std::string& text, fs::perms mode) const {
    std::ofstream(path_) << text;
    fs::permissions(path_, mode);
  }
  std::string path_;
};

constexpr auto kPrivate = fs::perms::owner_read | fs::perms::owner_write;

TEST_F(SecretFile, IsMadeOnceAndReadBack) {
  const auto made = make_secret_file(path_).value();
  EXPECT_EQ(made.bytes().size(), 64u);
  EXPECT_EQ(fs::status(path_).permissions() & fs::perms::mask, kPrivate);
  const auto read = read_secret_file(path_).value();
  EXPECT_TRUE(std::ranges::equal(read.bytes(), made.bytes()));
  EXPECT_FALSE(make_secret_file(path_).has_value());
}

TEST_F(SecretFile, IsReadWhereItIsThereAndMadeWhereItIsNot) {
  const auto made = read_or_make_secret_file(path_).value();
  EXPECT_EQ(fs::status(path_).permissions() & fs::perms::mask, kPrivate);
  EXPECT_TRUE(std::ranges::equal(read_or_make_secret_file(path_).value().bytes(), made.bytes()));
  write("0123456789abcdef", kPrivate | fs::perms::others_read);
  EXPECT_EQ(read_or_make_secret_file(path_).error().code, ErrorCode::kConfig);
}

TEST_F(SecretFile, IsRefusedWhereOthersMayReadIt) {
  write("0123456789abcdef\n", kPrivate);
  EXPECT_EQ(read_secret_file(path_).value().bytes().size(), 16u);
  write("0123456789abcdef", kPrivate | fs::perms::group_read);
  EXPECT_EQ(read_secret_file(path_).error().code, ErrorCode::kConfig);
}

TEST_F(SecretFile, IsRefusedWhereItIsNoSecret) {
  EXPECT_EQ(read_secret_file(path_).error().code, ErrorCode::kNotFound);
  write("short", kPrivate);
  EXPECT_EQ(read_secret_file(path_).error().code, ErrorCode::kConfig);
  write(std::string(5000, 'x'), kPrivate);
  EXPECT_EQ(read_secret_file(path_).error().code, ErrorCode::kConfig);
}

TEST(Secret, MatchesItselfOnly) {
  const Secret secret("correct horse battery");
  EXPECT_TRUE(secret.matches("correct horse battery"));
  EXPECT_FALSE(secret.matches("correct horse batterx"));
  EXPECT_FALSE(secret.matches(""));
  EXPECT_FALSE(Secret().matches(""));
}

TEST(Handshake, AProofCoversSecretRoleAndBothGreetings) {
  const Secret secret("one of the cluster's secrets");
  const Greeting hello = make_hello({1, 1, control::Speaker::kAgent}, make_nonce());
  const Greeting challenge = make_challenge(1, make_nonce());
  const Proof proof = prove(secret, Prover::kCaller, hello, challenge);
  EXPECT_TRUE(same(proof, prove(secret, Prover::kCaller, hello, challenge)));
  EXPECT_FALSE(same(proof, prove(secret, Prover::kController, hello, challenge)));
  EXPECT_FALSE(same(proof, prove(Secret("another secret"), Prover::kCaller, hello, challenge)));
  EXPECT_FALSE(same(proof, prove(Secret(), Prover::kCaller, hello, challenge)));
  for (std::size_t i = 0; i < kGreetingBytes; ++i) {
    Greeting changed = hello;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(same(proof, prove(secret, Prover::kCaller, changed, challenge))) << i;
    changed = challenge;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(same(proof, prove(secret, Prover::kCaller, hello, changed))) << i;
  }
}

TEST(Handshake, NoncesDiffer) { EXPECT_NE(make_nonce(), make_nonce()); }

TEST(Handshake, OnlyHellosOfAgentsAndClientsAreRead) {
  const Nonce nonce = make_nonce();
  EXPECT_TRUE(read_hello(make_hello({1, 3, control::Speaker::kClient}, nonce)).has_value());
  EXPECT_FALSE(read_hello(make_hello({1, 1, control::Speaker::kController}, nonce)).has_value());
  EXPECT_FALSE(read_hello(make_challenge(1, nonce)).has_value());
  constexpr auto kSpoken = control::kProtocolVersion;
  EXPECT_EQ(common_version({1, kSpoken + 2, control::Speaker::kClient}), kSpoken);
  EXPECT_FALSE(common_version({kSpoken + 1, 9, control::Speaker::kClient}).has_value());
  EXPECT_FALSE(common_version({0, 0, control::Speaker::kClient}).has_value());
}

}  // namespace
}  // namespace switchyard::net
