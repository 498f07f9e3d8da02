#include "runtime/engine/rank_timeline.h"

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <type_traits>

namespace switchyard::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "records travel as they are in memory");
static_assert(std::is_trivially_copyable_v<Span>);

}  // namespace

ClockFacts clock_facts() {
  ClockFacts facts;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::error_code error;
  const auto space = std::filesystem::read_symlink("/proc/self/ns/time", error);
  if (std::getline(file, boot)) facts.clock = boot + "/" + space.string();
  facts.wall_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  facts.steady_ns = SteadyClock().now().time_since_epoch().count();
  return facts;
}

RankTimeline take_timeline(const Timeline& timeline) {
  return {clock_facts(), timeline.dropped(), timeline.spans()};
}

nlohmann::json encode_timeline(const RankTimeline& timeline) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(timeline.spans.data());
  const std::size_t bytes = timeline.spans.size() * sizeof(Span);
  return {{"clock", timeline.clock.clock},
          {"steady_ns", timeline.clock.steady_ns},
          {"wall_ns", timeline.clock.wall_ns},
          {"dropped", timeline.dropped},
          {"spans", nlohmann::json::binary({begin, begin + bytes})}};
}

Result<RankTimeline> decode_timeline(const nlohmann::json& body) {
  RankTimeline timeline;
  body.at("clock").get_to(timeline.clock.clock);
  body.at("steady_ns").get_to(timeline.clock.steady_ns);
  body.at("wall_ns").get_to(timeline.clock.wall_ns);
  body.at("dropped").get_to(timeline.dropped);
  const auto& bytes = body.at("spans").get_binary();
  if (bytes.size() % sizeof(Span) != 0) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "a timeline of {} bytes", bytes.size());
  }
  timeline.spans.resize(bytes.size() / sizeof(Span));
  if (!bytes.empty()) std::memcpy(timeline.spans.data(), bytes.data(), bytes.size());
  for (const Span& span : timeline.spans) {
    if (static_cast<std::uint8_t>(span.kind) >= kSpanKinds || span.end_ns < span.begin_ns) {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer, "a timeline with a record that is none");
    }
  }
  return timeline;
}

}  // namespace switchyard::engine
