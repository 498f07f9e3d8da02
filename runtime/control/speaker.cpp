#include "runtime/control/speaker.h"

#include "runtime/control/messages.h"

namespace switchyard::control {
namespace {

// The place of M among the alternatives of Message.
template <class M, std::size_t I = 0>
consteval std::size_t type_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Message>, M>) {
    return I;
  } else {
    return type_of<M, I + 1>();
  }
}

}  // namespace

bool may_say(Speaker speaker, std::uint8_t type) noexcept {
  // Both report events: an agent of its rank, the controller of the cluster.
  const bool event = type == type_of<Event>();
  const bool agent = type <= type_of<Goodbye>();
  const bool client = type >= type_of<Submit>() && type <= type_of<Place>();
  switch (speaker) {
    case Speaker::kAgent: return agent || event;
    case Speaker::kClient: return client;
    case Speaker::kController: return !agent && !client && type <= type_of<Event>();
  }
  return false;
}

std::string_view to_string(Speaker speaker) noexcept {
  switch (speaker) {
    case Speaker::kAgent: return "agent";
    case Speaker::kClient: return "client";
    case Speaker::kController: return "controller";
  }
  return "unknown";
}

}  // namespace switchyard::control
