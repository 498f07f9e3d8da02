// Files of certificates that cannot be used, and what is said about them.
#include "runtime/net/tls_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <ctime>

#include "tests/unit/net/tls_world.h"

namespace switchyard::net {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class TlsIdentityTest : public TlsWorld {
 protected:
  static void expect_refused(const TlsFiles& files, ErrorCode code, const std::string& words) {
    const auto refused = TlsIdentity::open(files);
    ASSERT_FALSE(refused.has_value()) << words;
    EXPECT_EQ(refused.error().code, code) << refused.error().message;
    EXPECT_THAT(refused.error().message, HasSubstr(words));
  }
};

TEST_F(TlsIdentityTest, KnowsWhenItsCertificateEnds) {
  const auto identity = open(authority_.issue("own", {.ends_s = 5000}));
  EXPECT_NEAR(static_cast<double>(identity->expires_unix_s()),
              static_cast<double>(std::time(nullptr)) + 5000, 600);
  EXPECT_NE(identity->context(), nullptr);
  EXPECT_EQ(identity->context(), identity->context());
  EXPECT_TRUE(identity->trouble().empty());
}

TEST_F(TlsIdentityTest, SaysWhichFileIsMissingOrNoFile) {
  const TlsFiles good = authority_.issue("own");
  for (std::string TlsFiles::*const file :
       {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::authority}) {
    TlsFiles bad = good;
    bad.*file = folder_ + "/nothing.pem";
    expect_refused(bad, ErrorCode::kNotFound, "nothing.pem");
    bad.*file = folder_;
    expect_refused(bad, ErrorCode::kIo, "not a regular file");
    bad.*file = write("text.pem", "dear diary");
    fs::permissions(bad.*file, fs::perms::owner_read);
    expect_refused(bad, ErrorCode::kConfig, "text.pem");
    fs::remove(bad.*file);
  }
}

TEST_F(TlsIdentityTest, RefusesAKeyThatOthersMayRead) {
  const TlsFiles files = authority_.issue("own");
  fs::permissions(files.key, fs::perms::group_read, fs::perm_options::add);
  expect_refused(files, ErrorCode::kConfig, "chmod 600");
}

TEST_F(TlsIdentityTest, RefusesTheKeyOfAnotherCertificate) {
  TlsFiles files = authority_.issue("own");
  files.key = authority_.issue("another").key;
  expect_refused(files, ErrorCode::kConfig, "not the key of");
}

// A key with a passphrase must not make a process wait for somebody to type it.
TEST_F(TlsIdentityTest, RefusesAKeyWithAPassphrase) {
  TlsFiles files = authority_.issue("own");
  EVP_PKEY* key = EVP_EC_gen("P-256");
  files.key = folder_ + "/locked.key";
  std::FILE* out = std::fopen(files.key.c_str(), "w");
  ASSERT_NE(out, nullptr);
  unsigned char words[] = "open sesame";
  ASSERT_EQ(PEM_write_PrivateKey(out, key, EVP_aes_256_cbc(), words, 11, nullptr, nullptr), 1);
  std::fclose(out);
  EVP_PKEY_free(key);
  fs::permissions(files.key, fs::perms::owner_read);
  expect_refused(files, ErrorCode::kConfig, "passphrase");
}

TEST_F(TlsIdentityTest, KeepsTheOldOneWhileTheNewFilesAreHalfThere) {
  const TlsFiles files = authority_.issue("own");
  const auto identity = open(files);
  const auto old = identity->context();
  const TlsFiles fresh = authority_.issue("fresh");
  fs::rename(fresh.certificate, files.certificate);  // its key is still to come
  EXPECT_EQ(identity->context(), old);
  EXPECT_THAT(identity->trouble(), HasSubstr("not the key of"));
  fs::rename(fresh.key, files.key);
  EXPECT_NE(identity->context(), old);
  EXPECT_TRUE(identity->trouble().empty());
}

}  // namespace
}  // namespace switchyard::net
