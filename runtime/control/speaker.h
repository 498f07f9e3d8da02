// runtime/control/speaker.h -- who may say what on a control connection, so that a message from the
// wrong side is refused by its header, before its body is read.
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <string_view>

namespace switchyard::control {

enum class Speaker : std::uint8_t { kAgent, kClient, kController };

// `type` as a FrameHeader has it.
[[nodiscard]] bool may_say(Speaker speaker, std::uint8_t type) noexcept;
[[nodiscard]] std::string_view to_string(Speaker speaker) noexcept;

}  // namespace switchyard::control
