// A controller without ranks and the commands that talk to it, as processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "runtime/net/client.h"
#include "tests/command/run_command.h"
#include "tests/unit/net/test_certificates.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Starts a controller, waits until it has written its run file, runs `then`, ends it by Ctrl-C. The
// exit code is the controller's where `then` succeeds.
std::string with_controller(const ScratchFolder& scratch, const std::string& flags,
                            const std::string& then) {
  const std::string run_file = quoted(scratch.path("run.json"));
  const std::string binary = quoted(binary_path());
  return "B=" + binary + "; R=" + run_file + "; $B controller --ranks 2 --run-file $R " + flags +
         " > " + quoted(scratch.path("controller.out")) + " & P=$!; " +
         "n=0; while [ ! -f $R ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n+1)); done; " + then +
         "; S=$?; kill -INT $P; wait $P; E=$?; [ $S -ne 0 ] && exit $S; exit $E";
}

TEST(Controller, IsAskedByTheOtherCommandsAndEndsByCtrlC) {
  const ScratchFolder scratch;
  const auto outcome = run_shell(with_controller(
      scratch, "--journal " + quoted(scratch.path("journal")), "$B status --run-file $R --json"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["cluster"]["phase"], "starting");
  EXPECT_EQ(outcome.json()["ranks"].size(), 2u);
  EXPECT_THAT(read_file(scratch.path("controller.out")), HasSubstr("controller on 127.0.0.1:"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path("run.json")));
}

TEST(Controller, ShowsItsStatusToPeople) {
  const ScratchFolder scratch;
  const auto outcome = run_shell(with_controller(scratch, "", "$B status --run-file $R"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("cluster   starting"));
}

TEST(Controller, RefusesChangesBeforeThereIsACluster) {
  const ScratchFolder scratch;
  for (const char* wish : {"scale 2", "rebalance"}) {
    const auto outcome =
        run_shell(with_controller(scratch, "", std::string("$B ") + wish + " --run-file $R"));
    EXPECT_EQ(outcome.exit_code, 5) << wish << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("busy"));
  }
  const auto drain = run_shell(with_controller(scratch, "", "$B drain 1 --run-file $R"));
  EXPECT_EQ(drain.exit_code, 2) << drain.err;
}

TEST(Controller, WithASecretAnswersOnlyWhoKnowsIt) {
  const ScratchFolder scratch;
  const std::string secret = "--secret-file " + quoted(scratch.path("secret"));
  const auto good = run_shell(with_controller(scratch, secret, "$B status --run-file $R --json"));
  EXPECT_EQ(good.exit_code, 0) << good.err;
  const auto bad = run_shell(with_controller(scratch, secret,
                                             "C=$(sed -n 's/controller on //p' " +
                                                 quoted(scratch.path("controller.out")) +
                                                 "); $B status --controller $C --json"));
  EXPECT_EQ(bad.exit_code, 5) << bad.err;
  EXPECT_TRUE(bad.out.empty());
  EXPECT_THAT(bad.err, HasSubstr("secret"));
}

// Who shows a certificate of the authority gets an answer, by flags, environment or run file; who
// does not gets none.
TEST(Controller, UnderTlsAnswersOnlyWhoHasACertificate) {
  const ScratchFolder scratch;
  const TestAuthority authority(scratch.path("."), "ca");
  const auto own = authority.issue("controller");
  const auto client = authority.issue("client", {.names = "", .usage = "clientAuth"});
  const auto strange = TestAuthority(scratch.path("."), "other").issue("stranger");
  const auto flags = [&](const net::TlsFiles& files) {
    return " --tls-cert " + quoted(files.certificate) + " --tls-key " + quoted(files.key) +
           " --tls-ca " + quoted(authority.file());
  };
  const std::string serve = flags(own) + " --secret-file " + quoted(scratch.path("secret"));
  const std::string address =
      "C=$(sed -n 's/controller on //p' " + quoted(scratch.path("controller.out")) + "); ";
  const std::string ask =
      address + "$B status --controller $C --json --secret-file " + quoted(scratch.path("secret"));
  for (const std::string& good :
       {ask + flags(client),
        address + "SWITCHYARD_TLS_CERTIFICATE=" + quoted(client.certificate) +
            " SWITCHYARD_TLS_KEY=" + quoted(client.key) +
            " SWITCHYARD_TLS_AUTHORITY=" + quoted(authority.file()) +
            " $B status --controller $C --json --secret-file " + quoted(scratch.path("secret")),
        std::string("$B status --run-file $R --json")}) {
    const auto outcome = run_shell(with_controller(scratch, serve, good));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["cluster"]["phase"], "starting");
  }
  EXPECT_THAT(read_file(scratch.path("controller.out")), HasSubstr("admin on https://127.0.0.1:"));
  for (const std::string& bad : {ask, ask + flags(strange)}) {
    const auto outcome = run_shell(with_controller(scratch, serve, bad));
    EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
    EXPECT_TRUE(outcome.out.empty());
    EXPECT_THAT(outcome.err, HasSubstr("peer_refused"));
  }
}

TEST(Controller, SaysWhatIsWrongWithItsCertificates) {
  const ScratchFolder scratch;
  const auto half = run_alone({"controller", "--tls-cert", "x.pem"});
  EXPECT_EQ(half.exit_code, 3);
  EXPECT_THAT(half.err, HasSubstr("tls.key"));
  const Arguments none{"controller", "--tls-cert", "x.pem", "--tls-key", "x.key", "--tls-ca", "y"};
  EXPECT_EQ(run_alone(none).exit_code, 4);
  EXPECT_EQ(run_alone({"status", "--controller", "127.0.0.1:1", "--tls-key", "k"}).exit_code, 3);
}

TEST(Controller, SaysWhatIsWrongWithItsFlags) {
  const ScratchFolder scratch;
  EXPECT_EQ(run_alone({"controller", "--listen", "0.0.0.0"}).exit_code, 2);
  EXPECT_EQ(run_alone({"controller", "--ranks", "2", "--spares", "2"}).exit_code, 2);
  EXPECT_EQ(run_alone({"controller", "--loss", "cry"}).exit_code, 2);
  EXPECT_EQ(
      run_alone({"controller", "--listen", "192.0.2.1", "--secret-file", scratch.path("secret")})
          .exit_code,
      6);
  const auto diary = scratch.write("diary", "dear diary");
  EXPECT_EQ(run_alone({"controller", "--journal", diary}).exit_code, 4);
}

TEST(Controller, NobodyThereIsSaidClearly) {
  const ScratchFolder scratch;
  const auto none = run_alone({"status", "--controller", "127.0.0.1:1"});
  EXPECT_EQ(none.exit_code, 5);
  EXPECT_THAT(none.err, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(run_alone({"status", "--run-file", scratch.path("none.json")}).exit_code, 4);
  EXPECT_EQ(run_alone({"scale", "0"}).exit_code, 2);
  EXPECT_EQ(run_alone({"status", "--controller", "nowhere"}).exit_code, 2);
}

TEST(Controller, ARunFileThatIsLeftOverIsNamed) {
  const ScratchFolder scratch;
  const auto left = scratch.write("left.json", R"({"controller": "127.0.0.1:1", "pid": 1})");
  for (const char* wish : {"status", "rebalance"}) {
    const auto outcome = run_alone({wish, "--run-file", left});
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err, HasSubstr(left + " says that the cluster is there"));
    EXPECT_THAT(outcome.err, HasSubstr("it has ended"));
  }
}

// The first client that comes tells it to end.
TEST(Controller, SaysThatItsJournalTellsOfARunThatIsOver) {
  const ScratchFolder scratch;
  const std::string journal = scratch.path("journal");
  auto first = std::async(std::launch::async, [&] {
    return run_alone({"controller", "--ranks", "2", "--journal", journal, "--run-file",
                      scratch.path("run.json")});
  });
  const auto runs = [&] { return first.wait_for(std::chrono::milliseconds(20)); };
  while (!std::filesystem::exists(scratch.path("run.json")) &&
         runs() != std::future_status::ready) {
  }
  const auto run = nlohmann::json::parse(read_file(scratch.path("run.json")), nullptr, false);
  ASSERT_TRUE(run.is_object()) << first.get().err;
  constexpr std::chrono::seconds kLimit{20};
  auto client =
      net::Client::connect(net::parse_endpoint(run["controller"].get<std::string>()).value(),
                           net::Secret(), kLimit, nullptr)
          .value();
  ASSERT_TRUE(client.send(control::Command{control::Wish::kShutdown, 0}, kLimit));
  EXPECT_EQ(first.get().exit_code, 0);
  const auto second = run_alone({"controller", "--ranks", "2", "--journal", journal});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr(journal + ": the run that it tells of was told to end"));
}

}  // namespace
}  // namespace switchyard::tests
