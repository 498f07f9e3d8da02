#include "tests/unit/net/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>

#include "runtime/base/check.h"

namespace switchyard::tests {
namespace {

void add_extension(X509* to, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  SY_CHECK(extension != nullptr, "extension {}", value);
  SY_CHECK(X509_add_ext(to, extension, -1) == 1, "extension {}", value);
  X509_EXTENSION_free(extension);
}

template <class Write>
std::string to_pem(Write write) {
  BIO* memory = BIO_new(BIO_s_mem());
  SY_CHECK(write(memory) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  // As a whole, as whoever renews a certificate should.
  {
    std::ofstream out(path + ".new");
    out << text;
  }
  using std::filesystem::perms;
  std::filesystem::permissions(path + ".new", perms::owner_read | perms::owner_write);
  std::filesystem::rename(path + ".new", path);
}

}  // namespace

TestAuthority::Key TestAuthority::make_key() {
  Key key(EVP_EC_gen("P-256"));
  SY_CHECK(key != nullptr, "no key");
  return key;
}

TestAuthority::Certificate TestAuthority::start(const std::string& name, EVP_PKEY* key,
                                                long begins_s, long ends_s) {
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  std::uint32_t number = 0;
  SY_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) == 1, "random");
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), static_cast<long>(number));
  X509_gmtime_adj(X509_getm_notBefore(made.get()), begins_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), ends_s);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

TestAuthority::TestAuthority(std::string folder, const std::string& name)
    : folder_(std::move(folder)), file_(folder_ + "/" + name + ".pem"), key_(make_key()) {
  constexpr long kDay = 24 * 3600;
  certificate_ = start(name, key_.get(), -2 * kDay, 2 * kDay);
  X509* own = certificate_.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  SY_CHECK(X509_sign(own, key_.get(), EVP_sha256()) > 0, "signature");
  write_file(file_, pem());
}

std::string TestAuthority::pem() const {
  return to_pem([this](BIO* out) { return PEM_write_bio_X509(out, certificate_.get()); });
}

net::TlsFiles TestAuthority::issue(const std::string& name, const CertificateFacts& facts) const {
  const Key key = make_key();
  const Certificate made = start(name, key.get(), facts.begins_s, facts.ends_s);
  X509* own = made.get();
  X509_set_issuer_name(own, X509_get_subject_name(certificate_.get()));
  add_extension(own, certificate_.get(), NID_basic_constraints, "critical,CA:FALSE");
  if (!facts.names.empty()) {
    add_extension(own, certificate_.get(), NID_subject_alt_name, facts.names);
  }
  add_extension(own, certificate_.get(), NID_ext_key_usage, facts.usage);
  SY_CHECK(X509_sign(own, key_.get(), EVP_sha256()) > 0, "signature");
  const net::TlsFiles files{folder_ + "/" + name + ".pem", folder_ + "/" + name + ".key", file_};
  write_file(files.certificate, to_pem([own](BIO* out) { return PEM_write_bio_X509(out, own); }));
  write_file(files.key, to_pem([&key](BIO* out) {
               return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr,
                                               nullptr);
             }));
  return files;
}

}  // namespace switchyard::tests
