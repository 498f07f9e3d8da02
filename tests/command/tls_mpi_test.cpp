// A launched cluster whose control connections run under TLS: the same tokens as without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"
#include "tests/unit/net/test_certificates.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

const Arguments kGenerate{"generate", "--preset",     "demo", "--prompt", "Once upon a time",
                          "--json",   "--max-tokens", "8",    "--quiet"};

Arguments launch(const ScratchFolder& scratch, const net::TlsFiles& files) {
  Arguments words{
      "launch",          "-n",        "3",       "--dir",    scratch.path("run"), "--tls-cert",
      files.certificate, "--tls-key", files.key, "--tls-ca", files.authority};
  words.insert(words.end(), kGenerate.begin(), kGenerate.end());
  return words;
}

TEST(LaunchUnderTls, GeneratesTheSameTokens) {
  const ScratchFolder scratch;
  const TestAuthority authority(scratch.path("."), "ca");
  const auto plain = run_alone(kGenerate);
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const auto secured = run_alone(launch(scratch, authority.issue("node")));
  ASSERT_EQ(secured.exit_code, 0) << secured.err;
  EXPECT_EQ(secured.json()["sequences"][0]["logits_digest"],
            plain.json()["sequences"][0]["logits_digest"]);
}

TEST(LaunchUnderTls, SaysThatItsCertificateDoesNotNameTheAddress) {
  const ScratchFolder scratch;
  const TestAuthority authority(scratch.path("."), "ca");
  const auto refused =
      run_alone(launch(scratch, authority.issue("node", {.names = "DNS:elsewhere"})));
  EXPECT_EQ(refused.exit_code, 5);
  EXPECT_THAT(refused.err, HasSubstr("IP address mismatch"));
}

}  // namespace
}  // namespace switchyard::tests
