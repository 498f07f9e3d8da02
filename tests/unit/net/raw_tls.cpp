#include "tests/unit/net/raw_tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>

#include "runtime/base/check.h"

namespace switchyard::net {

RawTls::RawTls(const Endpoint& to, const std::optional<TlsFiles>& own, int version_max)
    : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)), context_(SSL_CTX_new(TLS_client_method())) {
  // OpenSSL writes without MSG_NOSIGNAL.
  (void)std::signal(SIGPIPE, SIG_IGN);
  const timeval patience{10, 0};
  (void)::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  SY_CHECK(::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr) == 1, "{}", to.host);
  SY_CHECK(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
           "no server at {}", to_string(to));
  SSL_CTX_set_max_proto_version(context_, version_max);
  if (own) {
    SY_CHECK(SSL_CTX_use_certificate_chain_file(context_, own->certificate.c_str()) == 1, "file");
    SY_CHECK(SSL_CTX_use_PrivateKey_file(context_, own->key.c_str(), SSL_FILETYPE_PEM) == 1,
             "file");
  }
  connection_ = SSL_new(context_);
  SSL_set_fd(connection_, descriptor_);
  shook_hands_ = SSL_connect(connection_) == 1;
}

RawTls::~RawTls() {
  SSL_free(connection_);
  SSL_CTX_free(context_);
  ::close(descriptor_);
  ERR_clear_error();
}

void RawTls::send(std::string_view text) {
  (void)SSL_write(connection_, text.data(), static_cast<int>(text.size()));
}

std::string RawTls::receive_all() {
  std::string out;
  char piece[4096];
  for (;;) {
    const int got = SSL_read(connection_, piece, sizeof piece);
    if (got <= 0) return out;
    out.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace switchyard::net
