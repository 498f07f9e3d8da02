// How long a text waits for the reader of a pipe.
#include "launcher/result_output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <future>

namespace switchyard::launcher {
namespace {

constexpr Duration kMoment{1'000'000};
constexpr Duration kLong = std::chrono::seconds(60);

class OfferTest : public ::testing::Test {
 protected:
  OfferTest() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~OfferTest() override {
    for (const int end : ends_) ::close(end);
  }
  OfferTest(const OfferTest&) = delete;
  OfferTest& operator=(const OfferTest&) = delete;

  // As many bytes as that from the pipe.
  std::string read(std::size_t size) const {
    std::string text(size, ' ');
    std::size_t got = 0;
    while (got < size) {
      const auto count = ::read(ends_[0], text.data() + got, size - got);
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
    return text;
  }
  [[nodiscard]] int writing_end() const { return ends_[1]; }

  const std::string text_ = std::string(1'000'000, 'x') + "end";  // more than a pipe takes

 private:
  std::array<int, 2> ends_{};
};

TEST_F(OfferTest, WaitsForAReaderThatPauses) {
  std::promise<void> paused;
  auto reader = std::async(std::launch::async, [&] {
    paused.get_future().wait();
    return read(text_.size());
  });
  int asked = 0;
  const auto taken = offer(writing_end(), text_, [&] {
    if (++asked == 5) paused.set_value();  // the reader takes nothing before
    return kLong;
  });
  EXPECT_EQ(taken, text_.size());
  EXPECT_EQ(reader.get(), text_);
  EXPECT_GE(asked, 5);
}

TEST_F(OfferTest, LeavesAReaderThatTakesNothing) {
  const auto taken = offer(writing_end(), text_, [] { return kMoment; });
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, text_.size());
}

TEST_F(OfferTest, LeavesAReaderThatGoesWhileItIsWaitedFor) {
  int asked = 0;
  const auto taken = offer(writing_end(), text_, [&] { return ++asked < 4 ? kLong : kMoment; });
  EXPECT_LT(taken, text_.size());
  EXPECT_EQ(asked, 4);
}

}  // namespace
}  // namespace switchyard::launcher
