#include "runtime/net/tls_identity.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace switchyard::net {
namespace {

namespace ssl = boost::asio::ssl;

// The newest reason in OpenSSL's queue, which is empty afterwards.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

Result<struct stat> look_at(const char* what, const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    const int reason = errno;
    return fail(reason == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{} {}: {}", what, path,
                std::strerror(reason));
  }
  if (!S_ISREG(about.st_mode)) {
    return fail(ErrorCode::kIo, "{} {}: not a regular file", what, path);
  }
  return about;
}

// Nobody is there to type a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

// What every connection has in common, whichever side of it.
void set_rules(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);  // what is in the file, nothing more
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
}

Result<void> use_certificate(SSL_CTX* context, const TlsFiles& files) {
  SY_TRY(look_at("certificate", files.certificate));
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) == 1) return {};
  return fail(ErrorCode::kConfig, "certificate {}: not a certificate in PEM ({})",
              files.certificate, openssl_reason());
}

Result<void> use_key(SSL_CTX* context, const TlsFiles& files) {
  SY_ASSIGN(const auto about, look_at("key", files.key));
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kConfig, "key {}: others may read or write it; chmod 600 {}", files.key,
                files.key);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(ErrorCode::kConfig,
                "key {}: not the key of {}, not in PEM or with a passphrase ({})", files.key,
                files.certificate, openssl_reason());
  }
  return {};
}

Result<void> use_authority(SSL_CTX* context, const TlsFiles& files) {
  SY_TRY(look_at("authority", files.authority));
  if (SSL_CTX_load_verify_locations(context, files.authority.c_str(), nullptr) == 1) return {};
  return fail(ErrorCode::kConfig, "authority {}: no certificate in PEM ({})", files.authority,
              openssl_reason());
}

std::int64_t end_of(const X509* certificate) {
  const ASN1_TIME* end = certificate == nullptr ? nullptr : X509_get0_notAfter(certificate);
  std::tm parts{};
  if (end == nullptr || ASN1_TIME_to_tm(end, &parts) != 1) return 0;
  return ::timegm(&parts);
}

}  // namespace

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::open(TlsFiles files) {
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(std::move(files)));
  identity->stamps_ = identity->look();
  SY_TRY(identity->load());
  return identity;
}

TlsIdentity::Stamps TlsIdentity::look() const {
  Stamps stamps{};
  std::size_t i = 0;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.authority}) {
    struct stat about {};
    if (::stat(path->c_str(), &about) == 0) {
      stamps[i] = {static_cast<std::int64_t>(about.st_dev), static_cast<std::int64_t>(about.st_ino),
                   about.st_size,
                   about.st_mtim.tv_sec * std::int64_t{1'000'000'000} + about.st_mtim.tv_nsec};
    }
    ++i;
  }
  return stamps;
}

Result<void> TlsIdentity::load() {
  auto fresh = std::make_shared<ssl::context>(ssl::context::tls);
  SSL_CTX* context = fresh->native_handle();
  set_rules(context);
  SY_TRY(use_certificate(context, files_));
  SY_TRY(use_key(context, files_));
  SY_TRY(use_authority(context, files_));
  expires_unix_s_ = end_of(SSL_CTX_get0_certificate(context));
  context_ = std::move(fresh);
  return {};
}

// The stamps are taken before the files are read: what changes meanwhile is read again next time.
TlsIdentity::Context TlsIdentity::context() {
  const Stamps now = look();
  if (now != stamps_) {
    stamps_ = now;
    const auto loaded = load();
    trouble_ = loaded ? std::string() : loaded.error().message;
  }
  return context_;
}

}  // namespace switchyard::net
