#include "runtime/net/request_head.h"

#include <gtest/gtest.h>

#include "tests/unit/net/bad_heads.h"

namespace switchyard::net {
namespace {

TEST(RequestHead, ReadsWhatIsWellFormed) {
  const auto get =
      check_request_head("GET /v1/cluster?x=1 HTTP/1.1\r\nHost: a:80\r\nX-Y:\tz \r\n\r\n", {});
  ASSERT_TRUE(get.has_value()) << get.error().reason;
  EXPECT_EQ(get->method, "GET");
  EXPECT_EQ(get->target, "/v1/cluster?x=1");
  EXPECT_EQ(get->framing, BodyFraming::kNone);
  EXPECT_TRUE(get->keep_alive);
  const auto post = check_request_head(
      "POST / HTTP/1.1\r\nhost: [::1]:80\r\nCONTENT-LENGTH: 7\r\nContent-Type: a/b; c\r\n"
      "Authorization: Bearer x\r\nConnection: Close\r\n\r\n",
      {});
  ASSERT_TRUE(post.has_value()) << post.error().reason;
  EXPECT_EQ(post->framing, BodyFraming::kLength);
  EXPECT_EQ(post->content_length, 7u);
  EXPECT_EQ(post->content_type, "a/b; c");
  EXPECT_EQ(post->authorization, "Bearer x");
  EXPECT_FALSE(post->keep_alive);
  const auto chunks =
      check_request_head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", {});
  ASSERT_TRUE(chunks.has_value()) << chunks.error().reason;
  EXPECT_EQ(chunks->framing, BodyFraming::kChunked);
}

TEST(RequestHead, RefusesWhatIsMalformedAmbiguousOrTooLarge) {
  for (const BadHead& bad : bad_heads()) {
    const auto checked = check_request_head(bad.head, {});
    ASSERT_FALSE(checked.has_value()) << bad.name;
    EXPECT_EQ(checked.error().status, bad.status) << bad.name;
  }
}

TEST(RequestHead, RefusesAHeadCutAnywhere) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n";
  ASSERT_TRUE(check_request_head(head, {}).has_value());
  for (std::size_t size = 0; size < head.size(); ++size) {
    EXPECT_FALSE(check_request_head(std::string_view(head).substr(0, size), {}).has_value());
  }
}

}  // namespace
}  // namespace switchyard::net
