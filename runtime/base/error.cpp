#include "runtime/base/error.h"

namespace switchyard {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kUsage: return "usage";
    case ErrorCode::kConfig: return "config";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kBadInput: return "bad_input";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kDeadline: return "deadline";
    case ErrorCode::kPeer: return "peer";
    case ErrorCode::kStaleEpoch: return "stale_epoch";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kInterrupted: return "interrupted";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

std::string_view to_string(ErrorScope scope) noexcept {
  switch (scope) {
    case ErrorScope::kOperation: return "operation";
    case ErrorScope::kPeer: return "peer";
    case ErrorScope::kCommunicator: return "communicator";
    case ErrorScope::kDevice: return "device";
    case ErrorScope::kProcess: return "process";
  }
  return "unknown";
}

}  // namespace switchyard
