#include "runtime/placement/plan_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/base/json_text.h"

namespace switchyard::placement {
namespace {

using nlohmann::json;

constexpr std::size_t kBytesMax = std::size_t{256} << 20;
constexpr std::uint32_t kIdMax = 1U << 20;
constexpr std::size_t kShapeMax = 65536;

[[nodiscard]] Result<void> only_keys(const json& object,
                                     std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) == known.end()) {
      return fail(ErrorCode::kBadInput, "unknown key '{}'", key.substr(0, 60));
    }
  }
  return {};
}

[[nodiscard]] Result<std::uint32_t> whole(const json& value, std::uint32_t most,
                                          std::string_view what) {
  if (!value.is_number_unsigned() || value > most) {
    return fail(ErrorCode::kBadInput, "{}: expected a whole number 0..{}", what, most);
  }
  return value.get<std::uint32_t>();
}

[[nodiscard]] Result<std::string> text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return fail(ErrorCode::kBadInput, "{}: expected a text", key);
  return found->get<std::string>();
}

[[nodiscard]] Result<RankTraits> traits_of(const json& body) {
  SY_TRY(only_keys(body, {"rank", "slots", "speed", "host", "zone", "region", "alive"}));
  RankTraits traits;
  SY_ASSIGN(traits.slots, whole(body.value("slots", json(0U)), kIdMax, "slots"));
  const json speed = body.value("speed", json(1.0));
  const json alive = body.value("alive", json(true));
  if (!speed.is_number()) return fail(ErrorCode::kBadInput, "speed: expected a number");
  if (!alive.is_boolean()) return fail(ErrorCode::kBadInput, "alive: expected true or false");
  traits.speed = speed.get<double>();
  traits.alive = alive.get<bool>();
  SY_ASSIGN(traits.host, text_of(body, "host"));
  SY_ASSIGN(traits.zone, text_of(body, "zone"));
  SY_ASSIGN(traits.region, text_of(body, "region"));
  return traits;
}

[[nodiscard]] Result<RankList> ranks_of(const json& document) {
  const auto found = document.find("ranks");
  if (found == document.end() || !found->is_array() || found->empty()) {
    return fail(ErrorCode::kBadInput, "ranks: expected a list");
  }
  RankList out;
  std::set<RankId> seen;
  for (const json& body : *found) {
    const std::string place = fmt::format("ranks[{}]", out.ranks.size());
    if (!body.is_object()) return fail(ErrorCode::kBadInput, "{}: expected an object", place);
    const auto id = whole(body.value("rank", json()), kIdMax, "rank");
    if (!id) return with_place(id.error(), place);
    auto traits = traits_of(body);
    if (!traits) return with_place(std::move(traits).error(), place);
    if (!seen.insert(RankId(*id)).second) {
      return fail(ErrorCode::kBadInput, "{}: rank {} is listed twice", place, *id);
    }
    out.ranks.emplace_back(*id);
    out.traits.push_back(std::move(*traits));
  }
  return out;
}

[[nodiscard]] Result<std::vector<Replica>> copies_of(const json& list) {
  if (!list.is_array()) return fail(ErrorCode::kBadInput, "expected a list of [rank, slot]");
  std::vector<Replica> out;
  for (const json& pair : list) {
    if (!pair.is_array() || pair.size() != 2) {
      return fail(ErrorCode::kBadInput, "expected a list of [rank, slot]");
    }
    SY_ASSIGN(const std::uint32_t rank, whole(pair[0], kIdMax, "rank"));
    SY_ASSIGN(const std::uint32_t slot, whole(pair[1], kIdMax, "slot"));
    out.push_back({RankId(rank), SlotId(slot)});
  }
  return out;
}

// Every copy on a listed rank, in one of its slots.
[[nodiscard]] Result<Placement> placement_of(const json& document, const RankList& ranks) {
  const auto layers = document.find("placement");
  if (layers == document.end() || !layers->is_array() || layers->empty() ||
      layers->size() > kShapeMax || !layers->front().is_array()) {
    return fail(ErrorCode::kBadInput, "placement: expected a list of layers");
  }
  const std::size_t experts = layers->front().size();
  if (experts == 0 || experts > kShapeMax) {
    return fail(ErrorCode::kBadInput, "placement[0]: expected a list of experts");
  }
  const std::set<RankId> known(ranks.ranks.begin(), ranks.ranks.end());
  std::vector<std::vector<Replica>> replicas;
  for (std::size_t l = 0; l < layers->size(); ++l) {
    const json& layer = (*layers)[l];
    if (!layer.is_array() || layer.size() != experts) {
      return fail(ErrorCode::kBadInput, "placement[{}]: expected a list of {} experts", l, experts);
    }
    for (std::size_t e = 0; e < experts; ++e) {
      const std::string place = fmt::format("placement[{}][{}]", l, e);
      auto copies = copies_of(layer[e]);
      if (!copies) return with_place(std::move(copies).error(), place);
      for (const Replica& copy : *copies) {
        if (known.contains(copy.rank)) continue;
        return fail(ErrorCode::kBadInput, "{}: rank {} is not among \"ranks\"", place,
                    copy.rank.value());
      }
      replicas.push_back(std::move(*copies));
    }
  }
  auto made = Placement::create(layers->size(), experts, std::move(replicas));
  if (!made) return fail(ErrorCode::kBadInput, "{}", made.error().message);
  return std::move(*made);
}

[[nodiscard]] Result<PlanFile> plan_of(const json& document) {
  if (!document.is_object() || document.value("format", json()) != "switchyard-plan") {
    return fail(ErrorCode::kBadInput, "not a plan: expected \"format\": \"switchyard-plan\"");
  }
  if (document.value("version", json()) != 1) {
    return fail(ErrorCode::kUnsupported, "version: expected 1");
  }
  SY_TRY(only_keys(document, {"format", "version", "planner", "ranks", "placement"}));
  PlanFile plan;
  SY_ASSIGN(plan.planner, text_of(document, "planner"));
  SY_ASSIGN(plan.ranks, ranks_of(document));
  SY_ASSIGN(plan.placement, placement_of(document, plan.ranks));
  return plan;
}

[[nodiscard]] Result<RankList> list_of(const json& document) {
  if (document.is_object() && document.contains("format")) {
    SY_ASSIGN(PlanFile plan, plan_of(document));
    return std::move(plan.ranks);
  }
  if (!document.is_object()) return fail(ErrorCode::kBadInput, "expected {{\"ranks\": [..]}}");
  SY_TRY(only_keys(document, {"ranks"}));
  return ranks_of(document);
}

template <class Value>
[[nodiscard]] Result<Value> parse_with(std::string_view text, std::string_view name,
                                       Result<Value> (*convert)(const json&)) {
  if (text.size() > kBytesMax) {
    return fail(ErrorCode::kLimit, "{}: more than {} bytes", name, kBytesMax);
  }
  SY_ASSIGN(const auto document, parse_json_text<json>(text, name));
  auto value = convert(document);
  if (!value) return with_place(std::move(value).error(), name);
  return value;
}

}  // namespace

std::string plan_to_json(const PlanFile& plan) {
  json ranks = json::array();
  for (std::size_t r = 0; r < plan.ranks.ranks.size(); ++r) {
    const RankTraits& traits = plan.ranks.traits[r];
    ranks.push_back({{"rank", plan.ranks.ranks[r].value()},
                     {"slots", traits.slots},
                     {"speed", traits.speed},
                     {"host", traits.host},
                     {"zone", traits.zone},
                     {"region", traits.region},
                     {"alive", traits.alive}});
  }
  json layers = json::array();
  for (std::size_t l = 0; l < plan.placement.layers(); ++l) {
    json& layer = layers.emplace_back(json::array());
    for (std::uint32_t e = 0; e < plan.placement.experts(); ++e) {
      json& copies = layer.emplace_back(json::array());
      for (const Replica& copy : plan.placement.replicas(l, ExpertId(e))) {
        copies.push_back(json::array({copy.rank.value(), copy.slot.value()}));
      }
    }
  }
  const json document = {{"format", "switchyard-plan"},
                         {"version", 1},
                         {"planner", plan.planner},
                         {"ranks", std::move(ranks)},
                         {"placement", std::move(layers)}};
  return document.dump() + "\n";
}

Result<PlanFile> parse_plan(std::string_view text, std::string_view name) {
  return parse_with<PlanFile>(text, name, &plan_of);
}

Result<RankList> parse_rank_list(std::string_view text, std::string_view name) {
  return parse_with<RankList>(text, name, &list_of);
}

Result<Placement> plan_from_file(const std::string& path, const PlanRequest& request) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "{}: {}", path, std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(ErrorCode::kIo, "{}: cannot be read", path);
  SY_ASSIGN(PlanFile plan, parse_plan(text, path));
  const Placement& placement = plan.placement;
  if (placement.layers() != request.layers || placement.experts() != request.experts) {
    return fail(ErrorCode::kConfig,
                "{}: a plan for {} layers of {} experts, the model has {} of {}", path,
                placement.layers(), placement.experts(), request.layers, request.experts);
  }
  std::set<RankId> living;
  for (std::size_t r = 0; r < request.expert_ranks.size(); ++r) {
    if (request.ranks.empty() || request.ranks[r].alive) living.insert(request.expert_ranks[r]);
  }
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      for (const Replica& copy : placement.replicas(l, ExpertId(e))) {
        if (living.contains(copy.rank)) continue;
        return fail(ErrorCode::kConfig,
                    "{}: layer {} expert {} is on rank {}, which is no expert rank of this run",
                    path, l, e, copy.rank.value());
      }
    }
  }
  return std::move(plan.placement);
}

}  // namespace switchyard::placement
