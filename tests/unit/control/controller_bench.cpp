#include "tests/unit/control/controller_bench.h"

#include <gtest/gtest.h>

namespace switchyard::control {

Register ControllerBench::rank(std::uint32_t number, RankKind kind) {
  Register out;
  out.rank = RankId(number);
  out.kind = kind;
  out.pid = 1000 + number;
  out.host = "host";
  out.model = {kBenchLayers, kBenchExperts, kBenchExpertBytes, "tiny"};
  return out;
}

ConnectionId ControllerBench::connect(PeerKind kind) {
  const ConnectionId connection(++connections_);
  handle(Connected{connection, kind});
  return connection;
}

ConnectionId ControllerBench::join(const Register& asks) {
  const ConnectionId connection = connect(PeerKind::kAgent);
  beating_[connection] = Phase::kServing;
  say(connection, asks);
  return connection;
}

void ControllerBench::handle(Happening happening) {
  if (const auto* gone = std::get_if<Disconnected>(&happening)) beating_.erase(gone->connection);
  for (Action& action : controller_.handle(std::move(happening), now)) {
    if (auto* send = std::get_if<Send>(&action)) {
      inbox_[send->connection].push_back(std::move(send->message));
    } else if (auto* close = std::get_if<Close>(&action)) {
      closed_[close->connection] = close->reason;
      beating_.erase(close->connection);
    } else if (auto* record = std::get_if<Journal>(&action)) {
      journal.push_back(std::move(record->record));
    } else if (auto* log = std::get_if<switchyard::control::Log>(&action)) {
      events.push_back(log->event.kind);
      texts.push_back(log->event.text);
    } else if (const auto* spawn = std::get_if<Spawn>(&action)) {
      spawns.push_back(spawn->rank);
    } else {
      stopped = true;
    }
  }
}

void ControllerBench::pass(Duration time) {
  const TimePoint end = now + time;
  int ticks = 0;
  while (now < end) {
    now += options_.tick_interval;
    if (++ticks % 5 == 0) {
      const auto beating = beating_;
      for (const auto& [connection, phase] : beating) {
        Heartbeat beat;
        beat.phase = phase;
        beat.steps = ++beats_;               // it gets on
        beat.running_requests = UINT32_MAX;  // all that it has, however many
        beat.weights_read = weights_read_[connection] += loading_.contains(connection) ? 1 : 0;
        say(connection, beat);
        say(connection, loads_[connection]);
      }
    }
    handle(Tick{});
  }
}

void ControllerBench::restart() {
  controller_ = Controller(options_);
  beating_.clear();
  inbox_.clear();
  const auto replayed = controller_.replay(journal, now);
  ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
}

void ControllerBench::play_along(const std::vector<ConnectionId>& agents) {
  for (bool quiet = false; !quiet;) {
    quiet = true;
    for (const ConnectionId agent : agents) {
      if (closed(agent)) continue;
      for (const Prepare& prepare : heard<Prepare>(agent)) {
        say(agent, Prepared{prepare.view->epoch, {}});
        quiet = false;
      }
      for (const Commit& commit : heard<Commit>(agent)) {
        say(agent, Adopted{commit.view->epoch});
        quiet = false;
      }
    }
  }
}

}  // namespace switchyard::control
