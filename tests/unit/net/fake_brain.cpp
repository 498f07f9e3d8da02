#include "tests/unit/net/fake_brain.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace switchyard::net {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

Brain FakeBrain::brain() {
  Brain brain;
  brain.handle = [this](control::Happening happening, TimePoint) {
    return handle(std::move(happening));
  };
  brain.status_json = [this](TimePoint) { return status(); };
  return brain;
}

void FakeBrain::react(const control::Received& what, std::vector<control::Action>& actions) {
  if (const auto* who = std::get_if<control::Register>(&what.message)) {
    const bool known = who->incarnation != control::Incarnation();
    if (!known) ++incarnation_;
    control::Welcome welcome;
    welcome.incarnation = known ? who->incarnation : control::Incarnation(incarnation_);
    welcome.ranks = 4;
    actions.emplace_back(control::Send{what.connection, welcome});
  } else if (std::holds_alternative<control::Command>(what.message) ||
             std::holds_alternative<control::Place>(what.message)) {
    if (answers_) actions.emplace_back(control::Send{what.connection, answer_});
  }
}

std::vector<control::Action> FakeBrain::handle(control::Happening happening) {
  const std::lock_guard lock(mutex_);
  std::vector<control::Action> actions;
  if (const auto* what = std::get_if<control::Received>(&happening)) react(*what, actions);
  const auto* came = std::get_if<control::Connected>(&happening);
  if (came != nullptr && alive_first_ && came->kind == control::PeerKind::kAgent) {
    actions.emplace_back(control::Send{came->connection, control::Alive{}});
  }
  std::ranges::move(next_, std::back_inserter(actions));
  next_.clear();
  seen_.push_back(std::move(happening));
  changed_.notify_all();
  return actions;
}

bool FakeBrain::wait_for(const Is& is, std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    return static_cast<std::size_t>(std::ranges::count_if(seen_, is)) >= count;
  });
}

bool FakeBrain::saw(const Is& is) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(seen_, is);
}

void FakeBrain::next_actions(std::vector<control::Action> actions) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(actions);
}

void FakeBrain::answer_with(control::Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

void FakeBrain::says_alive_first() {
  const std::lock_guard lock(mutex_);
  alive_first_ = true;
}

void FakeBrain::withholds_answers() {
  const std::lock_guard lock(mutex_);
  answers_ = false;
}

void FakeBrain::cannot_serve(std::string why) {
  const std::lock_guard lock(mutex_);
  unserved_ = std::move(why);
}

RunningServer::RunningServer(FakeBrain& brain, ServerOptions options, Log log) {
  auto created =
      ControllerServer::create(std::move(options), brain.brain(), std::nullopt, std::move(log));
  SY_CHECK(created.has_value(), "{}", created.error().message);
  server_ = *std::move(created);
  where_ = server_->listening();
  admin_ = server_->admin_listening().value_or(Endpoint{});
  thread_ = std::thread([server = server_.get()] { server->run(); });
}

RunningServer::~RunningServer() { stop(); }

void RunningServer::stop() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
  server_.reset();
}

}  // namespace switchyard::net
