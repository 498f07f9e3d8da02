#include "tests/property/control/message_maker.h"

#include <array>
#include <utility>

#include "runtime/placement/planner_table.h"

namespace switchyard::control {
namespace {

std::uint32_t number(Random& random) { return static_cast<std::uint32_t>(random.next()); }

// ASCII, control characters and quotes among it; one in four has bytes of any kind, of which the
// writer makes UTF-8.
std::string text(Random& random) {
  std::string out(random.next_below(20), '\0');
  const std::uint64_t below = random.next_below(4) == 0 ? 256 : 128;
  for (char& c : out) c = static_cast<char>(random.next_below(below));
  return out;
}

std::vector<std::byte> bytes(Random& random) {
  std::vector<std::byte> out(random.next_below(40));
  for (std::byte& b : out) b = static_cast<std::byte>(random.next());
  return out;
}

template <class T>
std::vector<T> numbers(Random& random) {
  std::vector<T> out(random.next_below(12));
  for (T& value : out) value = T(static_cast<std::uint32_t>(random.next()));
  return out;
}

std::shared_ptr<const placement::View> view(Random& random) {
  auto out = std::make_shared<placement::View>();
  out->epoch = Epoch(number(random));
  placement::PlanRequest request;
  for (std::uint32_t rank = 0; rank < 6; ++rank) {
    if (rank > 0 && random.next_below(3) == 0) continue;
    out->members.push_back({RankId(rank), random.next_below(2) == 0, true, text(random),
                            text(random), text(random), text(random)});
    request.expert_ranks.push_back(RankId(rank));
  }
  request.layers = 1 + random.next_below(3);
  request.experts = 1 + random.next_below(9);
  request.replicas = 1 + random.next_below(request.expert_ranks.size());
  out->placement = placement::plan_placement("round-robin", request).value();
  return out;
}

template <class M>
M make(Random&) {
  return {};
}

template <>
Register make(Random& r) {
  Register m{RankId(number(r)),
             RankKind::kSpare,
             Incarnation(number(r)),
             Epoch(number(r)),
             r.next(),
             text(r),
             text(r),
             text(r),
             text(r),
             {},
             {}};
  m.model = {number(r), number(r), r.next(), text(r)};
  for (std::uint64_t i = r.next_below(4); i > 0; --i) {
    m.held.push_back({RequestId(number(r)), number(r), numbers<std::uint32_t>(r)});
  }
  return m;
}
template <>
Heartbeat make(Random& r) {
  return {Phase::kDraining, Epoch(number(r)), r.next(), number(r),
          number(r),        r.next(),         r.next(), number(r)};
}
std::vector<RestrictedSent> restricted(Random& r) {
  std::vector<RestrictedSent> out;
  for (std::uint64_t i = r.next_below(4); i > 0; --i) out.push_back({text(r), text(r), r.next()});
  return out;
}
template <>
LoadReport make(Random& r) {
  return {r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next_unit(),
          r.next(),
          r.next(),
          numbers<std::uint64_t>(r),
          numbers<std::uint64_t>(r),
          numbers<std::uint64_t>(r),
          numbers<std::uint32_t>(r),
          restricted(r)};
}
template <>
Evidence make(Random& r) {
  return {Epoch(number(r)), r.next(), numbers<RankId>(r)};
}
template <>
Prepared make(Random& r) {
  return {Epoch(number(r)), text(r)};
}
template <>
Adopted make(Random& r) {
  return {Epoch(number(r))};
}
template <>
Progress make(Random& r) {
  return {RequestId(number(r)), number(r), number(r), numbers<std::uint32_t>(r)};
}
template <>
Finished make(Random& r) {
  return {RequestId(number(r)), number(r), text(r), bytes(r)};
}
template <>
Goodbye make(Random& r) {
  return {bytes(r)};
}
template <>
Welcome make(Random& r) {
  return {Incarnation(number(r)), number(r), r.next_below(2) == 0 ? nullptr : view(r)};
}
template <>
Refused make(Random& r) {
  return {text(r)};
}
template <>
Prepare make(Random& r) {
  return {view(r)};
}
template <>
Commit make(Random& r) {
  return {view(r)};
}
template <>
Rollback make(Random& r) {
  return {Epoch(number(r)), text(r)};
}
template <>
Retire make(Random& r) {
  return {Epoch(number(r))};
}
template <>
Assign make(Random& r) {
  return {RequestId(number(r)),      number(r), text(r), numbers<std::uint32_t>(r), text(r),
          numbers<std::uint32_t>(r), bytes(r)};
}
template <>
Cancel make(Random& r) {
  return {RequestId(number(r)), CancelHow::kEndNow};
}
template <>
Submit make(Random& r) {
  Submit m;
  for (std::uint64_t i = r.next_below(4); i > 0; --i) {
    m.requests.push_back({text(r), text(r), text(r), text(r), bytes(r)});
  }
  return m;
}
template <>
Command make(Random& r) {
  return {Wish::kRebalance, number(r)};
}
template <>
Answer make(Random& r) {
  return {r.next_below(2) == 0, text(r), text(r), text(r)};
}
template <>
Place make(Random& r) {
  return {text(r)};
}
template <>
RequestDone make(Random& r) {
  return {RequestId(number(r)), text(r), text(r), bytes(r)};
}
template <>
RankLeft make(Random& r) {
  RankLeft m{RankId(number(r)), bytes(r)};
  m.last = {Incarnation(number(r)),
            r.next_below(2) == 0,
            r.next_below(2) == 0,
            r.next(),
            r.next(),
            r.next_unit(),
            r.next(),
            restricted(r)};
  return m;
}
template <>
Event make(Random& r) {
  return {r.next(), text(r), text(r)};
}

template <std::size_t... I>
Message make_type(std::size_t type, Random& random, std::index_sequence<I...>) {
  using Make = Message (*)(Random&);
  constexpr std::array<Make, sizeof...(I)> kMakers{
      +[](Random& r) -> Message { return make<std::variant_alternative_t<I, Message>>(r); }...};
  return kMakers[type](random);
}

}  // namespace

Message random_message(std::size_t type, Random& random) {
  return make_type(type, random, std::make_index_sequence<std::variant_size_v<Message>>());
}

}  // namespace switchyard::control
