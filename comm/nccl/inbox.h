// comm/nccl/inbox.h -- one rank's end of another rank's lane: joins when it is invited, puts the
// messages of that rank back into their order, and gets each one's rows into staging memory.
// A receive is asked for as soon as its head is here and those before it are, never waited for; so
// it cannot depend on what this rank or another one does next. Thread safety: shared objects:
// unsafe (the rank's engine thread).
#pragma once

#include <vector>

#include "comm/nccl/head_post.h"
#include "comm/nccl/lane.h"
#include "comm/nccl/staging.h"

namespace switchyard::comm::nccl {

using HeadBuffer = std::vector<std::byte>;

// A message that is whole.
struct Delivery {
  Arrival arrival;
  HeadBuffer head;  // the first arrival.bytes of it
  Staging::Block rows;
};

// What the inboxes of a rank share.
struct InboxTools {
  Reaper& reaper;
  int gpu = 0;
  HeadPost& post;
  Staging& staging;
  std::vector<HeadBuffer>& spare_heads;
};

class Inbox {
 public:
  Inbox(RankId from, RankId self, const InboxTools& tools);

  [[nodiscard]] Result<void> take_invitation(const LinkWord& word, Bytes invitation);
  // The lane's owner ends this generation: nothing more of it is counted, and it is told so.
  void take_fence(const LinkWord& word);
  // A head that has arrived; `head` goes on to the delivery, or back to the spare ones.
  void take_message(const LinkWord& word, Channel channel, HeadBuffer head);
  // Gets on with the lane; what is whole is appended to its channel's deliveries, in order.
  // Errors: kLimit for the staging memory; scope kDevice.
  [[nodiscard]] Result<void> progress(std::span<std::vector<Delivery>> deliveries);

  // The rank is taken for lost: leaves its lane. Should it invite meanwhile, it is answered when it
  // is not lost any more: it may know of that before we do.
  void lose();
  // It is not lost, or not any more: it learns at once if we have left a lane that it has.
  [[nodiscard]] Result<void> find();
  // Leaves its lane. It may invite again.
  void leave(Lane::Ending ending = Lane::Ending::kWhateverHappens);
  // Another process has come to the rank's slot: nothing of the old one counts any more.
  void start_anew();

  [[nodiscard]] bool busy() const noexcept { return lane_.busy(); }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

 private:
  struct Incoming {
    std::uint64_t sequence = 0;
    Arrival arrival;
    HeadBuffer head;
    Staging::Block rows;
    std::uint64_t transfer = 0;
  };
  // What is received now may end without its rows.
  [[nodiscard]] bool fenced() const noexcept { return fence_ != 0 && fence_ == generation_; }
  void drop_waiting();
  void answer_invitation();
  void say_fenced();
  [[nodiscard]] Result<void> ask_for_rows();
  void deliver_whole(std::span<std::vector<Delivery>> deliveries);

  RankId from_;
  RankId self_;
  InboxTools tools_;
  Lane lane_;
  std::uint64_t generation_ = 0;  // of the lane; 0: never invited
  std::uint64_t whole_ = 0;       // number of the last message that was whole
  bool joined_told_ = true;
  bool broken_told_ = true;
  bool refused_told_ = true;
  bool fenced_told_ = true;
  std::uint64_t fence_ = 0;  // the last generation that its owner ended
  bool left_ = false;
  bool lost_ = false;
  struct Held {
    LinkWord word;  // of generation 0: none
    HeadBuffer invitation;
  };
  Held held_;                      // of a lost rank
  bool plain_only_ = false;        // left because its rows would have to come to registered memory
  std::vector<Incoming> waiting_;  // ascending; may have gaps while the channels race
  std::size_t asked_ = 0;          // of them, those whose rows were asked for
  std::vector<Staging::Block> clearing_;  // an ended communicator may still write to them
};

}  // namespace switchyard::comm::nccl
