// What only an emulated GPU can show: other orders of blocks, threads and streams, and a machine
// without a GPU; and what no figure is wanted of: that the benchmarks come to an end.
#include <gmock/gmock.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): setenv is POSIX

#include <sstream>

#include "tests/gpu/exact_on_gpu.h"

namespace switchyard::tests {
namespace {

TEST_F(ExactOnGpu, OverSchedulesOfTheEmulation) {
  const auto& wanted = baseline();
  for (const char* schedule :
       {"CUDA_EMULATION_SCHEDULE=descending CUDA_EMULATION_PROGRESS=early",
        "CUDA_EMULATION_SCHEDULE=random CUDA_EMULATION_SEED=3 CUDA_EMULATION_PROGRESS=random"}) {
    expect_same(run_prefixed(std::string("env ") + schedule, run({})), wanted);
  }
}

// Ranks with a GPU each, so that rows can go by NCCL.
class ExactOverNccl : public ExactOnGpu {
 protected:
  void SetUp() override { ::setenv("CUDA_EMULATION_DEVICES", "4", 1); }
  void TearDown() override { ::unsetenv("CUDA_EMULATION_DEVICES"); }

  void expect_nccl(const Outcome& outcome, const std::string& over,
                   const nlohmann::json& baseline) const {
    expect_same(outcome, baseline);
    ASSERT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, ::testing::Not(::testing::HasSubstr("rows_not_registered")));
    const auto report = outcome.json()["report"];
    ASSERT_FALSE(report["ranks"].empty());
    for (const auto& rank : report["ranks"]) {
      EXPECT_THAT(rank["device"].get<std::string>(), ::testing::HasSubstr("nccl over " + over));
    }
  }
};

TEST_F(ExactOverNccl, OverMpiRanks) {
  if (std::string(SWITCHYARD_MPIRUN).empty()) GTEST_SKIP() << "a build without MPI";
  const auto& wanted = baseline(Prompts::kShort);
  expect_nccl(run_under_mpi(4, run({"--routers", "2"}, Prompts::kShort)), "mpi",
              wanted);  // by itself
  expect_nccl(run_under_mpi(
                  2, run({"--colocate", "--routers", "2", "--exchange", "nccl"}, Prompts::kShort)),
              "mpi", wanted);
  expect_same(run_under_mpi(2, run({"--exchange", "host"}, Prompts::kShort)), wanted);
}

// Who sits where, what is in a step and how MPI moves the heads: none of it shows.
TEST_F(ExactOverNccl, OverLayoutsBatchesAndTransports) {
  if (std::string(SWITCHYARD_MPIRUN).empty()) GTEST_SKIP() << "a build without MPI";
  struct Layout {
    int ranks;
    Arguments extra;
    std::string mpirun_flags;
  };
  const auto& wanted = baseline(Prompts::kShort);
  for (const Layout& layout :
       {Layout{3, {"--colocate", "--routers", "3", "--sequences", "16", "--chunk", "7"}, {}},
        Layout{3, {"--sequences", "1", "--chunk", "1", "--placement", "round-robin"}, {}},
        Layout{4, {"--routers", "2", "--replicas", "2", "--sequences", "16"}, {}},
        Layout{3, {"--routers", "2", "--colocate", "--sequences", "1"}, "--mca btl self,tcp"}}) {
    const auto outcome =
        run_under_mpi(layout.ranks, run(layout.extra, Prompts::kShort), layout.mpirun_flags);
    expect_nccl(outcome, "mpi", wanted);
  }
}

TEST_F(ExactOverNccl, OverThreads) {
  const auto& wanted = baseline(Prompts::kShort);
  expect_nccl(run_alone(run({"--ranks", "3", "--exchange", "nccl"}, Prompts::kShort)), "local",
              wanted);
}

// What tests/gpu/run measures where there are several GPUs; here only that it comes to an end.
TEST_F(ExactOverNccl, TheExchangeCanBeMeasured) {
  const auto outcome = run_alone({"bench", "exchange", "--device", "cuda", "--batch", "2",
                                  "--prompt-tokens", "3", "--json-lines"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> names;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    const auto row = nlohmann::json::parse(line);
    names.push_back(row["name"]);
    EXPECT_EQ(row["count"], 50);
    EXPECT_GT(row["achieved"].get<double>(), 0);
    // Published figures count a row for each of a token's 8 experts, wherever it is. Here half of
    // them are at the other rank, which gets a token's row once.
    const bool there = names.back().ends_with("dispatch");
    const double counted = row["gbs_as_published"].get<double>() / row["achieved"].get<double>();
    EXPECT_NEAR(counted, there ? 8 : 2, 1e-9);
  }
  const std::string over = "exchange/nccl over local/";
  EXPECT_THAT(names, ::testing::ElementsAre(over + "2 tokens, 2 rows a peer: dispatch",
                                            over + "2 tokens, 8 rows a peer: combine",
                                            over + "3 tokens, 3 rows a peer: dispatch",
                                            over + "3 tokens, 12 rows a peer: combine"));
}

// The other rank has ended its part well and waits for a goodbye. What the first still has of its
// transport, and what its lane reads, goes before the transport; the error stays what it was.
TEST_F(ExactOverNccl, ARankThatFailsAloneSaysWhy) {
  const auto outcome =
      run_alone({"logits", "--preset", "demo", "--device", "cuda", "--ranks", "2", "--exchange",
                 "nccl", "--prompt", "Once", "--out", "/nonexistent_dir/x.safetensors"});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("/nonexistent_dir"));
}

TEST_F(ExactOverNccl, SaysWhyNot) {
  const auto cpu = run_alone({"generate", "--preset", "demo", "--prompt", "a", "--max-tokens", "1",
                              "--ranks", "2", "--exchange", "nccl"});
  EXPECT_EQ(cpu.exit_code, 3) << cpu.err;
  EXPECT_THAT(cpu.err, ::testing::HasSubstr("device.name"));
  const auto few = run_alone(run({"--ranks", "5", "--exchange", "nccl"}));
  EXPECT_EQ(few.exit_code, 7) << few.err;
  EXPECT_THAT(few.err, ::testing::HasSubstr("4 for 5 ranks"));
}

// The lines that `bench AREA` prints for one; the figures mean nothing here.
std::vector<nlohmann::json> bench_on_gpu(const Arguments& area) {
  Arguments arguments{"bench", "--device", "cuda", "--preset", "demo", "--json-lines"};
  arguments.insert(arguments.end(), area.begin(), area.end());
  const auto outcome = run_prefixed("env CUDA_EMULATION_PROCESSORS=1", arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<nlohmann::json> rows;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

TEST(BenchOnGpu, CeilingsAreThoseOfTheGpu) {
  const auto rows = bench_on_gpu({"ceilings"});
  ASSERT_EQ(rows.size(), 1U);
  const auto& header = rows.front()["header"];
  EXPECT_THAT(header["device"].get<std::string>(), ::testing::StartsWith("cuda"));
  for (const char* ceiling : {"read GB/s", "fp32 GFLOP/s", "bf16 GFLOP/s"}) {
    EXPECT_GT(header[ceiling].get<double>(), 0) << ceiling;
  }
}

TEST(BenchOnGpu, TheModelIsMeasuredAgainstThem) {
  const auto rows = bench_on_gpu(
      {"model", "--prompt-tokens", "3", "--decode-tokens", "2", "--batch", "2", "--repeats", "1"});
  ASSERT_EQ(rows.size(), 4U);  // the ceilings, prefill, decode of one and of two sequences
  EXPECT_THAT(rows[1]["name"].get<std::string>(), ::testing::StartsWith("prefill/"));
  for (std::size_t i = 1; i < rows.size(); ++i) {
    EXPECT_GT(rows[i]["achieved"].get<double>(), 0) << rows[i];
    // Many sequences at once have no one limit.
    EXPECT_EQ(rows[i].contains("ceiling"), i < 3) << rows[i];
  }
}

TEST(BenchOnGpu, KernelsOfTheCpuAreNotMeasuredThere) {
  for (const char* area : {"moe", "kernels"}) {
    const auto outcome = run_alone({"bench", area, "--device", "cuda", "--preset", "demo"});
    EXPECT_EQ(outcome.exit_code, 7) << outcome.err;
    EXPECT_THAT(outcome.err, ::testing::HasSubstr("on a GPU there are bench ceilings"));
  }
}

TEST(WithoutAGpu, TheRunEndsAndSaysWhatIsMissing) {
  const auto outcome = run_prefixed(
      "env CUDA_EMULATION_DEVICES=0",
      {"generate", "--preset", "demo", "--prompt", "a", "--max-tokens", "1", "--device", "cuda"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_NE(outcome.err.find("no GPU"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace switchyard::tests
