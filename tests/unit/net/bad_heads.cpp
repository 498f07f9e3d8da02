#include "tests/unit/net/bad_heads.h"

namespace switchyard::net {
namespace {

const std::string kGet = "GET /healthz HTTP/1.1\r\n";
const std::string kPost =
    "POST /v1/scale HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const std::string kEnd = "\r\n";

std::string many_fields(std::size_t count) {
  std::string out = kGet + "Host: a\r\n";
  for (std::size_t i = 0; i < count; ++i) out += "a: b\r\n";
  return out + kEnd;
}

std::vector<BadHead> framing() {
  return {
      {"two Hosts", kGet + "Host: a\r\nHost: b\r\n" + kEnd},
      {"two equal Hosts", kGet + "Host: a\r\nHost: a\r\n" + kEnd},
      {"no Host", kGet + "Accept: x\r\n" + kEnd},
      {"empty Host", kGet + "Host:\r\n" + kEnd},
      {"Host list", kGet + "Host: a, b\r\n" + kEnd},
      {"folded field", kGet + "Host: a\r\nX: 1\r\n 2\r\n" + kEnd},
      {"folded first field", kGet + " Host: a\r\n" + kEnd},
      {"equal lengths", kPost + "Content-Length: 3\r\nContent-Length: 3\r\n" + kEnd},
      {"differing lengths", kPost + "Content-Length: 3\r\nContent-Length: 4\r\n" + kEnd},
      {"length list", kPost + "Content-Length: 3, 3\r\n" + kEnd},
      {"negative length", kPost + "Content-Length: -1\r\n" + kEnd},
      {"signed length", kPost + "Content-Length: +3\r\n" + kEnd},
      {"hexadecimal length", kPost + "Content-Length: 0x3\r\n" + kEnd},
      {"empty length", kPost + "Content-Length:\r\n" + kEnd},
      {"unknown coding", kPost + "Transfer-Encoding: xchunked\r\n" + kEnd},
      {"coding list", kPost + "Transfer-Encoding: chunked, identity\r\n" + kEnd},
      {"two codings", kPost + "Transfer-Encoding: gzip, chunked\r\n" + kEnd},
      {"coding twice",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + kEnd},
      {"length and coding", kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" + kEnd},
      {"GET with a body", kGet + "Host: a\r\nContent-Length: 3\r\n" + kEnd},
      {"GET with chunks", kGet + "Host: a\r\nTransfer-Encoding: chunked\r\n" + kEnd},
  };
}

std::vector<BadHead> syntax() {
  return {
      {"space before colon", kGet + "Host: a\r\nX : 1\r\n" + kEnd},
      {"no colon", kGet + "Host: a\r\nX\r\n" + kEnd},
      {"empty name", kGet + "Host: a\r\n: 1\r\n" + kEnd},
      {"NUL in a value", kGet + "Host: a\r\nX: " + std::string(1, '\0') + "\r\n" + kEnd},
      {"NUL in the target", "GET /" + std::string(1, '\0') + " HTTP/1.1\r\nHost: a\r\n" + kEnd},
      {"bare LF", kGet + "Host: a\nX: 1\r\n" + kEnd},
      {"bare CR", kGet + "Host: a\rX: 1\r\n" + kEnd},
      {"escape in a value", kGet + "Host: a\r\nX: \x1b[2J\r\n" + kEnd},
      {"no version", "GET /healthz\r\nHost: a\r\n" + kEnd},
      {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n" + kEnd},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n" + kEnd},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n" + kEnd},
      {"empty request line", "\r\n" + kEnd},
      {"two tokens",
       kGet + "Host: a\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y\r\n" + kEnd},
      {"two types", kPost + "Content-Type: text/plain\r\n" + kEnd},
  };
}

std::vector<BadHead> sizes() {
  return {
      {"many fields", many_fields(1500), 431},
      {"huge field",
       kGet + "Host: a\r\nX: " + std::string(15'000, 'x') + "\r\nY: " + std::string(2'000, 'y') +
           "\r\n" + kEnd,
       431},
      {"long target", "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: a\r\n" + kEnd, 414},
      {"huge length", kPost + "Content-Length: 65537\r\n" + kEnd, 413},
      {"length beyond all numbers", kPost + "Content-Length: 99999999999999999999999\r\n" + kEnd,
       413},
      {"HTTP/1.0", "GET /healthz HTTP/1.0\r\nHost: a\r\n" + kEnd, 505},
      {"HTTP/2 preface", "PRI /* HTTP/2.0\r\nHost: a\r\n" + kEnd, 505},
  };
}

}  // namespace

std::vector<BadHead> bad_heads() {
  auto all = framing();
  for (auto&& part : {syntax(), sizes()}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace switchyard::net
