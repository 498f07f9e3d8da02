// launcher/exit_code.h -- what the process tells its caller: one stable number per kind of failure.
// The table is documented in docs/ERRORS.md; scripts and tests rely on it.
#pragma once

#include "runtime/base/error.h"

namespace switchyard::launcher {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConfig = 3;
inline constexpr int kExitInput = 4;
inline constexpr int kExitPeer = 5;
inline constexpr int kExitIo = 6;
inline constexpr int kExitUnsupported = 7;
inline constexpr int kExitInternal = 70;
inline constexpr int kExitInterrupted = 130;

[[nodiscard]] constexpr int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kUsage: return kExitUsage;
    case ErrorCode::kConfig: return kExitConfig;
    case ErrorCode::kNotFound:
    case ErrorCode::kBadInput:
    case ErrorCode::kLimit: return kExitInput;
    case ErrorCode::kDeadline:
    case ErrorCode::kPeer:
    case ErrorCode::kStaleEpoch: return kExitPeer;
    case ErrorCode::kIo: return kExitIo;
    case ErrorCode::kUnsupported: return kExitUnsupported;
    case ErrorCode::kInterrupted: return kExitInterrupted;
    case ErrorCode::kInternal: return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace switchyard::launcher
