#include "tests/cuda_emulation/nccl/communicator.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <utility>

#include "tests/cuda_emulation/nccl/registrations.h"
#include "tests/cuda_emulation/runtime/access_window.h"

namespace cuda_emulation::nccl {
namespace {

constexpr std::uint64_t kLooksPerProcessCheck = 16;

Settings settings_of_environment() {
  Settings made;
  const char* loss = std::getenv("CUDA_EMULATION_NCCL_LOSS");
  if (loss != nullptr && std::string_view(loss) == "silent") made.loss = PeerLoss::kSilent;
  if (loss != nullptr && std::string_view(loss) == "poison") made.loss = PeerLoss::kPoison;
  return made;
}

}  // namespace

Settings& settings() {
  static Settings the_settings = settings_of_environment();
  return the_settings;
}

ncclResult_t visit(NcclPoint point) {
  const auto at = static_cast<std::size_t>(point);
  ++settings().visits[at];
  return std::exchange(settings().fail_at[at], ncclSuccess);
}

std::shared_ptr<Communicator> Communicator::open(const Options& options) {
  auto world = World::open(options.world, options.ranks);
  if (world == nullptr || !world->join(options.rank)) return nullptr;
  std::shared_ptr<Communicator> made(new Communicator(options, std::move(world)));
  made->self_ = made;
  return made;
}

Communicator::Communicator(Options options, std::unique_ptr<World> world)
    : options_(std::move(options)), world_(std::move(world)) {
  polls_left_ = options_.blocking ? 0 : settings().polls;
}

void Communicator::hand_over_child() {
  *child_to_ = reinterpret_cast<ncclComm_t>(child_.get());
  child_.reset();
}

ncclResult_t Communicator::poll_child(State& all) {
  const ncclResult_t state = child_->poll(all);
  if (state == ncclInProgress) return state;
  if (state != ncclSuccess) fail(state, child_->last_error());
  hand_over_child();
  return state;
}

ncclResult_t Communicator::poll(State& all) {
  if (child_ != nullptr) return poll_child(all);
  if (error_ != ncclSuccess) return error_;
  if (polls_left_ > 0) {
    --polls_left_;
    return progress_;
  }
  switch (life_) {
    case Life::kJoining:
      if (world_->complete()) {
        life_ = Life::kReady;
        progress_ = ncclSuccess;
      } else {
        for (int peer = 0; peer < options_.ranks; ++peer) {
          if (world_->state(peer) != SeatState::kEmpty) watch_peers(peer);
        }
      }
      break;
    case Life::kFinalizing:
      if (!busy()) {
        life_ = Life::kFinalized;
        progress_ = ncclSuccess;
      }
      break;
    case Life::kReady:
      for (; !waiting_.empty(); waiting_.pop_front()) start(all, std::move(waiting_.front()));
      progress_ = ncclSuccess;
      break;
    case Life::kRevoked:
    case Life::kFinalized:
    case Life::kGone: break;
  }
  return status();
}

ncclResult_t Communicator::submit(State& all, const std::shared_ptr<Stream>& stream,
                                  std::vector<Part> parts) {
  if (const ncclResult_t error = visit(NcclPoint::kGroup); error != ncclSuccess) {
    fail(error, "a test wished this group to fail");
    return options_.blocking ? error : ncclInProgress;
  }
  if (options_.blocking || settings().polls == 0) {
    start(all, {stream, std::move(parts)});
    return ncclSuccess;
  }
  waiting_.push_back({stream, std::move(parts)});
  polls_left_ = settings().polls;
  progress_ = ncclInProgress;
  return ncclInProgress;
}

bool Communicator::keeps_to_one_kind(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (part.bytes == 0) continue;
    if (!registered_) registered_ = part.registered;
    if (*registered_ != part.registered) {
      settings().complaint = "registered and other buffers in one communicator";
      return false;
    }
    if (part.registered && part.sends) settings().registered_bytes_sent += part.bytes;
  }
  return true;
}

// Transfers of one communicator run one after the other, whatever their streams.
void Communicator::start(State& all, Waiting waiting) {
  auto transfer = std::make_shared<Transfer>(*world_, options_.rank, std::move(waiting.parts));
  auto self = self_.lock();
  Work work;
  if (!last_mark_.reached()) work.needs.push_back(last_mark_);
  work.ready = [self, transfer, &all] { return self->advance(all, *transfer); };
  work.run = [self]() -> MaybeFault {
    --self->outstanding_;
    return {};
  };
  ++outstanding_;
  last_mark_ = {waiting.stream, waiting.stream->enqueued + 1};
  all.enqueue(waiting.stream, std::move(work));
}

bool Communicator::advance(State& all, Transfer& transfer) {
  if (life_ == Life::kGone) return settings().aborts != Aborts::kEarly;
  if (life_ == Life::kRevoked) return true;
  if (error_ != ncclSuccess) return false;  // as on the device: stuck until the abort
  {
    const AccessWindow window(all.memory);
    transfer.advance();
    for (int peer = 0; settings().loss == PeerLoss::kPoison && peer < options_.ranks; ++peer) {
      const SeatState state = world_->state(peer);
      if (state == SeatState::kAborted || state == SeatState::kRevoked) transfer.poison(peer);
    }
  }
  if (transfer.done()) return true;
  if (!transfer.complaint().empty()) {
    world_->set_broken();
    fail(ncclInvalidUsage, transfer.complaint());
  } else if (world_->broken()) {
    fail(ncclRemoteError, "a peer found that the ranks disagree");
  } else {
    watch_peers(transfer.awaited_peer());
  }
  return false;
}

void Communicator::watch_peers(int awaited) {
  if (settings().loss != PeerLoss::kReported || awaited < 0) return;
  const SeatState state = world_->state(awaited);
  if (state == SeatState::kAborted || state == SeatState::kLeft) {
    return fail(ncclRemoteError, fmt::format("rank {} is gone", awaited));
  }
  if (++looks_ % kLooksPerProcessCheck == 0 && !world_->alive(awaited)) {
    fail(ncclRemoteError, fmt::format("the process of rank {} has died", awaited));
  }
}

ncclResult_t Communicator::finalize() {
  life_ = Life::kFinalizing;
  progress_ = ncclInProgress;
  polls_left_ = options_.blocking ? 0 : settings().polls;
  return ncclInProgress;
}

void Communicator::abort() {
  if (child_ != nullptr) {
    child_->fail(ncclInternalError, "aborted with what it is made of");
    hand_over_child();
  }
  life_ = Life::kGone;
  forget_registrations(*this);
  waiting_.clear();
  world_->set_state(options_.rank, SeatState::kAborted);
}

void Communicator::leave() {
  life_ = Life::kGone;
  world_->set_state(options_.rank, SeatState::kLeft);
}

void Communicator::revoke() {
  life_ = Life::kRevoked;
  world_->set_state(options_.rank, SeatState::kRevoked);
  waiting_.clear();
}

void Communicator::fail(ncclResult_t error, const std::string& text) {
  error_ = error;
  last_error_ = text;
  settings().complaint = fmt::format("rank {} of {}: {}", options_.rank, options_.ranks, text);
}

std::string Communicator::next_world(const std::vector<bool>& excluded) {
  std::string name = fmt::format("{}.{}", options_.world, ++shrinks_);
  for (const bool out : excluded) name += out ? '0' : '1';
  return name;
}

}  // namespace cuda_emulation::nccl
