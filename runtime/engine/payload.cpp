#include "runtime/engine/payload.h"

namespace switchyard::engine {
namespace {

using nlohmann::json;

std::vector<std::byte> to_bytes(const json& body) {
  const auto cbor = json::to_cbor(body);
  const auto bytes = std::as_bytes(std::span(cbor));
  return {bytes.begin(), bytes.end()};
}

Result<json> to_json(Bytes payload, const char* what) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(payload.data());
  auto body = json::from_cbor(begin, begin + payload.size(), true, false);
  if (!body.is_object()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed {} of {} bytes", what,
                payload.size());
  }
  return body;
}

}  // namespace

std::vector<std::byte> pack_request(const SequenceRequest& request) {
  return to_bytes(encode_request(request));
}

std::vector<std::byte> pack_sequence(const SequenceResult& result) {
  return to_bytes(encode_sequence(result));
}

std::vector<std::byte> pack_farewell(const Farewell& farewell) {
  return to_bytes({{"report", encode_rank_report(farewell.report)},
                   {"result", encode_result(farewell.result)}});
}

Result<SequenceRequest> unpack_request(Bytes payload) {
  SY_ASSIGN(const auto body, to_json(payload, "request"));
  try {
    return decode_request(body);
  } catch (const json::exception& error) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed request: {}", error.what());
  }
}

Result<SequenceResult> unpack_sequence(Bytes payload) {
  SY_ASSIGN(const auto body, to_json(payload, "result"));
  try {
    return decode_sequence(body);
  } catch (const json::exception& error) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed result: {}", error.what());
  }
}

Result<Farewell> unpack_farewell(Bytes payload) {
  SY_ASSIGN(const auto body, to_json(payload, "last report"));
  if (!body.contains("report") || !body.contains("result")) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed last report");
  }
  Farewell farewell;
  SY_ASSIGN(farewell.report, decode_rank_report(body["report"]));
  SY_ASSIGN(farewell.result, decode_result(body["result"]));
  return farewell;
}

}  // namespace switchyard::engine
