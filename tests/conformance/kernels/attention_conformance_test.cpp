// Attention: against double precision, and the same bits in any chunking, batch and page order.
#include <cmath>
#include <limits>

#include "tests/conformance/kernels/attention_case.h"
#include "tests/conformance/kernels/tolerances.h"

namespace switchyard::kernels::test {
namespace {

class Attention : public KernelTest {
 protected:
  [[nodiscard]] double tolerance() const { return is_bf16() ? kBf16Attention : kFunction; }

  // One sequence in chunks of the given size.
  AttentionCase::Outputs in_chunks(const AttentionCase& work, Device& device, std::size_t tokens,
                                   std::size_t chunk, std::size_t sequence = 0) {
    const auto cache = work.make_cache(device);
    AttentionCase::Outputs outputs;
    for (std::size_t at = 0; at < tokens; at += chunk) {
      work.run(device, *cache, {{sequence, at, std::min(chunk, tokens - at)}}, outputs);
    }
    return outputs;
  }

  // Row by row within 16 positions of a multiple of 256, what lies between in one step: an emulated
  // GPU takes most of a minute for 530 steps.
  AttentionCase::Outputs rows_at_edges(const AttentionCase& work, std::size_t tokens) {
    const auto cache = work.make_cache(*device_);
    AttentionCase::Outputs outputs;
    for (std::size_t at = 0; at < tokens;) {
      const bool near = at % 256 < 16 || at % 256 >= 240;
      const std::size_t count = near ? 1 : std::min(at / 256 * 256 + 240, tokens) - at;
      work.run(*device_, *cache, {{0, at, count}}, outputs);
      at += count;
    }
    return outputs;
  }

  // Layer 1, as a sequence of two heads of 16 and one kv head leaves it that is not numbers.
  void fill_pages_with_nan(KvCache& cache, std::uint32_t pages_to_fill) {
    const std::size_t size = cache.shape().head_size;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    Values q(64 * 2 * size, nan), k(64 * size, nan), v(64 * size, nan);
    Values cos(64 * 8, 1.0F), sin(64 * 8, 0.0F);
    RawBytes out(64 * 2 * size * 4);
    AttentionParams params;
    params.heads = 2;
    params.kv_heads = 1;
    params.head_size = size;
    params.rope_cos = cos;
    params.rope_sin = sin;
    std::vector<std::uint32_t> position(64);
    for (std::uint32_t p = 0; p < 64; ++p) position[p] = p;
    for (std::uint32_t page = 0; page < pages_to_fill; ++page) {
      const std::vector<const std::uint32_t*> pages(64, &page);
      device_->attention(params, cache, 1, {position, pages}, {q.data(), 64, 2 * size},
                         {k.data(), 64, size}, {v.data(), 64, size},
                         {out.data(), operand(), 64, 2 * size, 2 * size});
      std::fill(q.begin(), q.end(), nan);
      std::fill(k.begin(), k.end(), nan);
      std::fill(v.begin(), v.end(), nan);
    }
  }
};

TEST_P(Attention, MatchesTheOracleOverShapes) {
  const std::vector<AttentionShape> shapes{
      {4, 2, 32, QkNorm::kPerHead, 0, 150, 1}, {4, 4, 64, QkNorm::kWholeRow, 0.8F, 70, 1},
      {6, 1, 16, QkNorm::kNone, 0, 129, 1},    {2, 1, 128, QkNorm::kPerHead, 0, 65, 1},
      {3, 3, 10, QkNorm::kPerHead, 0, 66, 1},  {2, 2, 72, QkNorm::kNone, 1.5F, 40, 1},
      {60, 1, 8, QkNorm::kPerHead, 0, 20, 1}};
  for (const auto& shape : shapes) {
    SCOPED_TRACE(fmt::format("heads {}/{} of {}", shape.heads, shape.kv_heads, shape.head_size));
    const AttentionCase work(shape, operand());
    work.expect_oracle(in_chunks(work, *device_, shape.tokens, shape.tokens), tolerance());
  }
}

TEST_P(Attention, KeepsItsBitsInAnyChunkingAndOnAnyThreads) {
  const AttentionShape shape{4, 2, 32, QkNorm::kPerHead, 0, 200, 1};
  const AttentionCase work(shape, operand());
  const auto whole = in_chunks(work, *device_, shape.tokens, shape.tokens);
  for (const std::size_t chunk : {1U, 7U, 63U, 64U, 65U, 150U}) {
    EXPECT_EQ(in_chunks(work, *device_, shape.tokens, chunk), whole) << "chunks of " << chunk;
  }
  for (const std::size_t threads : {2U, 3U}) {
    const auto device = make(threads);
    EXPECT_EQ(in_chunks(work, *device, shape.tokens, shape.tokens), whole) << threads;
    EXPECT_EQ(in_chunks(work, *device, shape.tokens, 40), whole) << threads;
  }
}

TEST_P(Attention, KeepsItsBitsAmongOtherSequences) {
  const AttentionShape shape{4, 2, 16, QkNorm::kPerHead, 0, 140, 3};
  AttentionCase work(shape, operand());
  AttentionCase::Outputs alone;
  for (std::size_t s = 0; s < 3; ++s) alone.merge(in_chunks(work, *device_, 140, 140, s));

  const auto device = make(2);
  const auto cache = work.make_cache(*device);
  AttentionCase::Outputs together;
  work.run(*device, *cache, {{0, 0, 70}, {1, 0, 1}, {2, 0, 20}}, together);
  work.run(*device, *cache, {{1, 1, 130}, {0, 70, 1}}, together);
  work.run(*device, *cache, {{2, 20, 44}, {0, 71, 69}, {1, 131, 9}}, together);
  work.run(*device, *cache, {{2, 64, 76}}, together);
  EXPECT_EQ(together, alone);
}

// Contexts of several segments (256 positions on a GPU), in chunks across their edges, row by row
// there, whole, and in company: the same bits, near the oracle. Of two heads a kv head and of
// three: a tile may begin and end within a token.
TEST_P(Attention, KeepsItsBitsOverLongContexts) {
  for (const std::size_t heads : {4U, 6U}) {
    const AttentionShape shape{heads, 2, 8, QkNorm::kNone, 0, 530, 2};
    const AttentionCase work(shape, operand());
    const auto whole = in_chunks(work, *device_, shape.tokens, shape.tokens);
    work.expect_oracle(whole, tolerance());
    for (const std::size_t chunk : {7U, 64U, 255U, 257U}) {
      EXPECT_EQ(in_chunks(work, *device_, shape.tokens, chunk), whole) << "chunks of " << chunk;
    }
    EXPECT_EQ(rows_at_edges(work, shape.tokens), whole);
    auto alone = whole;
    alone.merge(in_chunks(work, *device_, shape.tokens, shape.tokens, 1));
    const auto cache = work.make_cache(*device_);
    AttentionCase::Outputs together;
    work.run(*device_, *cache, {{0, 0, 500}, {1, 0, 3}}, together);
    work.run(*device_, *cache, {{1, 3, 260}, {0, 500, 1}}, together);
    work.run(*device_, *cache, {{0, 501, 29}, {1, 263, 1}}, together);
    work.run(*device_, *cache, {{1, 264, 266}}, together);
    EXPECT_EQ(together, alone);
  }
}

// Head sizes and groups as models have them. Two sequences go on side by side in steps of many
// sizes, so that a row falls into tiles of few rows and of many, of segments and of whole contexts:
// the same bits as alone in one step, near the oracle.
TEST_P(Attention, KeepsItsBitsInTilesOfEverySize) {
  constexpr std::size_t kSteps[] = {64, 1, 7, 150, 1, 33, 2, 64, 1};
  const std::vector<AttentionShape> shapes{{8, 1, 128, QkNorm::kNone, 0, 300, 2},
                                           {4, 1, 64, QkNorm::kNone, 0, 1060, 2},
                                           {2, 2, 90, QkNorm::kNone, 0, 530, 2}};
  for (const auto& shape : shapes) {
    SCOPED_TRACE(fmt::format("heads {}/{} of {}", shape.heads, shape.kv_heads, shape.head_size));
    const AttentionCase work(shape, operand());
    auto alone = in_chunks(work, *device_, shape.tokens, shape.tokens);
    alone.merge(in_chunks(work, *device_, shape.tokens, shape.tokens, 1));
    const auto cache = work.make_cache(*device_);
    AttentionCase::Outputs together;
    std::size_t at[2] = {0, 0};
    for (std::size_t step = 0; at[0] < shape.tokens || at[1] < shape.tokens; ++step) {
      std::vector<AttentionRun> runs;
      for (std::size_t s = 0; s < 2; ++s) {
        const std::size_t wanted = kSteps[(step + 4 * s) % std::size(kSteps)];
        const std::size_t count = std::min(wanted, shape.tokens - at[s]);
        if (count != 0) runs.push_back({s, at[s], count});
        at[s] += count;
      }
      work.run(*device_, *cache, runs, together);
    }
    EXPECT_TRUE(together == alone);  // megabytes to print
    AttentionCase::Outputs few;
    for (const std::size_t position : {shape.tokens / 64 * 64 - 1, shape.tokens / 64 * 64}) {
      few[{1, position}] = together[{1, position}];
    }
    work.expect_oracle(few, tolerance());
  }
}

// A page keeps what its earlier owner left; nothing of it may shine through. Chunks of 33 end on
// odd counts of positions, where a pair of bf16 values reaches one past the last.
TEST_P(Attention, DoesNotSeeTheEarlierOwnerOfAPage) {
  const AttentionShape shape{2, 1, 16, QkNorm::kNone, 0, 130, 1};
  AttentionCase work(shape, operand());
  const auto fresh = in_chunks(work, *device_, shape.tokens, 33);
  for (const std::size_t chunk : {33U, 7U, 1U}) {
    const auto cache = work.make_cache(*device_);
    fill_pages_with_nan(*cache, 3);
    AttentionCase::Outputs reused;
    for (std::size_t at = 0; at < shape.tokens; at += chunk) {
      work.run(*device_, *cache, {{0, at, std::min(chunk, shape.tokens - at)}}, reused);
    }
    EXPECT_EQ(reused, fresh) << "chunks of " << chunk;
  }
}

TEST_P(Attention, DoesNotDependOnThePagesChosen) {
  const AttentionShape shape{4, 2, 16, QkNorm::kPerHead, 0, 200, 1};
  AttentionCase work(shape, operand());
  const auto forwards = in_chunks(work, *device_, shape.tokens, 33);
  work.use_pages_backwards();
  EXPECT_EQ(in_chunks(work, *device_, shape.tokens, 33), forwards);
}

TEST_P(Attention, RefusesHeadSizesItCannotRotate) {
  EXPECT_FALSE(device_->make_kv_cache({1, 1, 33, 1}));
  EXPECT_FALSE(device_->make_kv_cache({1, 1, 512, 1}));
  EXPECT_TRUE(device_->make_kv_cache({1, 1, 256, 1}));
}

INSTANTIATE_TEST_SUITE_P(Kernels, Attention, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
