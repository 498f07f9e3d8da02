#include "runtime/net/tls_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace switchyard::net {
namespace {

// Reasons from here on are alerts that the other side has sent.
constexpr int kFirstAlert = SSL_AD_REASON_OFFSET;

}  // namespace

void expect_host(TlsStream& stream, const std::string& host) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(stream.native_handle());
  X509_VERIFY_PARAM_set_hostflags(
      rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return;
  X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
  // Which of several certificates to show; addresses have no place in this extension.
  SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
}

void ask_nothing(TlsStream& stream) {
  SSL_set_verify(stream.native_handle(), SSL_VERIFY_NONE, nullptr);
}

bool is_of_tls(const boost::system::error_code& error) {
  return error.category() == asio::error::get_ssl_category();
}

std::string tls_reason(TlsStream& stream, const boost::system::error_code& error) {
  const long verdict = SSL_get_verify_result(stream.native_handle());
  if (verdict != X509_V_OK) {
    return fmt::format("its certificate is refused: {}", X509_verify_cert_error_string(verdict));
  }
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "it shows no certificate";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER: return "it does not speak TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE: return "it does not speak TLS 1.3";
    default: break;
  }
  const char* text = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
  if (text == nullptr) return error.message();
  return reason >= kFirstAlert ? fmt::format("it refused this side: {}", text) : text;
}

}  // namespace switchyard::net
