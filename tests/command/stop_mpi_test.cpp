// Ctrl-C to mpirun ends a run cleanly: no rank is left, every sequence comes out with what it has,
// the report too. Open MPI sends SIGCONT, a second later SIGTERM and another second later SIGKILL,
// and reads nothing of what its ranks print in between. Here it waits four seconds each time: on a
// busy machine a step may take longer than one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <regex>
#include <sstream>
#include <thread>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Far more work than the signal's delay: random weights never end a text.
constexpr const char* kLongRun = " generate --preset inference --max-tokens 2000 --ignore-eos";

std::string long_prompts(const ScratchFolder& scratch, const std::string& id_start = {}) {
  std::string lines;
  for (int i = 0; i < 16; ++i) {
    const std::string id = id_start + std::to_string(i);
    lines += nlohmann::json{{"id", id}, {"tokens", {1 + i, 2, 3}}}.dump() + "\n";
  }
  return scratch.write("prompts.jsonl", lines);
}

// Four ranks in the scratch folder; mpirun alone gets the signal, as from `kill`, once the ranks
// are ready, and is ended if that takes five minutes.
Outcome stopped_run(const ScratchFolder& scratch, const std::string& signal,
                    const std::string& flags) {
  return run_shell(
      "cd " + quoted(scratch.path("")) +
      " && export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n timeout -k 10 300 " +
      quoted(mpirun_path()) + " --mca odls_base_sigkill_timeout 4 --oversubscribe -n 4 " +
      quoted(binary_path()) + kLongRun + " --prompts " + quoted(long_prompts(scratch)) + flags +
      " </dev/null 2>err & wrapper=$!\n"
      "until grep -q 'no controller' err || ! kill -0 $wrapper; do sleep 0.1; done\n"
      "kill -" +
      signal +
      " $(cat /proc/$wrapper/task/$wrapper/children)\n"
      "wait $wrapper; code=$?; cat err >&2; exit $code");
}

// Processes that were started with this word on their command line.
std::size_t count_processes(const std::string& word) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto line = read_file((entry.path() / "cmdline").string());
    if (line.find(word) != std::string::npos) ++count;
  }
  return count;
}

// What was killed may take a moment to go.
void expect_no_rank_is_left(const ScratchFolder& scratch) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::size_t left = 0;
  do {
    std::this_thread::yield();
    left = count_processes(scratch.path("prompts.jsonl"));
  } while (left > 0 && std::chrono::steady_clock::now() < end);
  EXPECT_EQ(left, 0U);
}

void expect_interrupted(const nlohmann::json& sequence) {
  EXPECT_EQ(sequence["finish_reason"], "interrupted");
  EXPECT_LT(sequence["tokens"].size(), 2000U);
}

void expect_whole(const nlohmann::json& document) {
  ASSERT_TRUE(document.is_object());
  ASSERT_EQ(document["sequences"].size(), 16U);
  for (const auto& sequence : document["sequences"]) expect_interrupted(sequence);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  EXPECT_EQ(document["report"]["ranks"].size(), 4U);
}

class StopUnderMpirun : public ::testing::TestWithParam<const char*> {};

TEST_P(StopUnderMpirun, LeavesAWholeFile) {
  const ScratchFolder scratch;
  const auto outcome = stopped_run(scratch, GetParam(), " --routers 2 --out answers.jsonl");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;  // mpirun's own, whatever the ranks say
  expect_no_rank_is_left(scratch);
  std::istringstream lines(read_file(scratch.path("answers.jsonl")));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    expect_interrupted(nlohmann::json::parse(line));
  }
  EXPECT_EQ(count, 16U) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("all conserved"));
}

INSTANTIATE_TEST_SUITE_P(Signals, StopUnderMpirun, ::testing::Values("INT", "TERM"));

// A document is longer than what stdout takes while mpirun reads nothing; a short one fits.
TEST(StopOfMpirun, LeavesAWholeDocumentOnStdoutOrInAFileThatItNames) {
  const ScratchFolder scratch;
  const auto outcome = stopped_run(scratch, "INT", " --json");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  expect_no_rank_is_left(scratch);
  auto document = outcome.json();
  if (!document.is_object()) {
    std::smatch name;
    ASSERT_TRUE(std::regex_search(outcome.err, name, std::regex("all of it is in (.*\\.json)\n")))
        << outcome.err;
    EXPECT_EQ(std::filesystem::path(name[1].str()).parent_path(),
              std::filesystem::path(scratch.path("")).parent_path());
    document = nlohmann::json::parse(read_file(name[1].str()), nullptr, false);
  }
  expect_whole(document);
}

// mpirun is stopped while the ranks hear of SIGUSR1, and reads on three seconds later: longer than
// a rank waits for a reader that will not come back. The ids make the document longer than what a
// terminal or a pipe takes meanwhile.
TEST(StopOfMpirun, WaitsForAReaderThatPausesAfterSigusr1) {
  const ScratchFolder scratch;
  const auto outcome = run_shell(
      "cd " + quoted(scratch.path("")) +
      " && export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n timeout -k 10 300 " +
      quoted(mpirun_path()) + " --oversubscribe -n 4 " + quoted(binary_path()) +
      " generate --preset inference --max-tokens 2000 --ignore-eos --json --prompts " +
      quoted(long_prompts(scratch, std::string(8192, 'i'))) +
      " </dev/null 2>err & wrapper=$!\n"
      "until grep -q 'no controller' err || ! kill -0 $wrapper; do sleep 0.1; done\n"
      "launcher=$(cat /proc/$wrapper/task/$wrapper/children)\n"
      "ranks=$(cat /proc/${launcher% }/task/*/children)\n"
      "kill -STOP $launcher; kill -USR1 $ranks; sleep 3; kill -CONT $launcher\n"
      "wait $wrapper; code=$?; cat err >&2; exit $code");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_no_rank_is_left(scratch);
  expect_whole(outcome.json());
}

// The way without mpirun's second: it passes this signal on and goes on reading.
TEST(StopOfMpirun, EndsAsAnyOtherRunAfterSigusr1) {
  const ScratchFolder scratch;
  const auto outcome = stopped_run(scratch, "USR1", " --json");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_no_rank_is_left(scratch);
  expect_whole(outcome.json());
}

}  // namespace
}  // namespace switchyard::tests
