#include "runtime/routing/calibration.h"

#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/base/json_text.h"
#include "runtime/routing/limits.h"

namespace switchyard::routing {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFormat = "switchyard-calibration";
constexpr std::size_t kEntriesMax = 1000;
constexpr std::uint64_t kCountMax = std::uint64_t{1} << 40;  // so that no sum overflows

// `value` must be an object with these keys and no others; keys that end in '?' may be missing.
[[nodiscard]] Result<void> check_object(const Json& value, std::string_view place,
                                        std::initializer_list<std::string_view> keys) {
  if (!value.is_object()) {
    return fail(ErrorCode::kBadInput, "calibration: {}: expected an object", place);
  }
  std::size_t known = 0;
  for (std::string_view key : keys) {
    const bool optional = key.back() == '?';
    if (optional) key.remove_suffix(1);
    const bool there = value.contains(key);
    known += there ? 1 : 0;
    if (!there && !optional) {
      return fail(ErrorCode::kBadInput, "calibration: {}.{} is missing", place, key);
    }
  }
  if (known != value.size()) {
    return fail(ErrorCode::kBadInput, "calibration: {} has a key that is not one of: {}", place,
                fmt::join(keys, ", "));
  }
  return {};
}

[[nodiscard]] Result<std::uint64_t> whole(const Json& value, std::string_view place,
                                          std::uint64_t low, std::uint64_t high) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < low ||
      value.get<std::uint64_t>() > high) {
    return fail(ErrorCode::kBadInput, "calibration: {}: expected a whole number {}..{}", place, low,
                high);
  }
  return value.get<std::uint64_t>();
}

[[nodiscard]] Result<std::string> text(const Json& value, std::string_view place) {
  if (!value.is_string()) {
    return fail(ErrorCode::kBadInput, "calibration: {}: expected a string", place);
  }
  return value.get<std::string>();
}

[[nodiscard]] Result<LayerThresholds> thresholds(const Json& value, const std::string& place,
                                                 std::size_t layers) {
  if (!value.is_array() || value.size() != layers) {
    return fail(ErrorCode::kBadInput, "calibration: {}: expected {} lists, one per layer", place,
                layers);
  }
  LayerThresholds out;
  for (const Json& row : value) {
    if (!row.is_array() || row.size() > kExpertsMax ||
        (!out.values.empty() && row.size() != out.count)) {
      return fail(ErrorCode::kBadInput, "calibration: {}: expected lists of equal length", place);
    }
    out.count = row.size();
    for (const Json& item : row) {
      if (!item.is_number()) {
        return fail(ErrorCode::kBadInput, "calibration: {}: expected numbers", place);
      }
      out.values.push_back(item.get<double>());
    }
  }
  if (out.values.size() != layers * out.count) {
    return fail(ErrorCode::kBadInput, "calibration: {}: expected lists of equal length", place);
  }
  return out;
}

[[nodiscard]] Result<CalibrationEntry> entry(const Json& value, const std::string& place,
                                             std::size_t layers) {
  SY_TRY(check_object(value, place, {"spec", "mean_k", "thresholds"}));
  CalibrationEntry out;
  SY_ASSIGN(out.spec, text(value["spec"], place + ".spec"));
  if (!value["mean_k"].is_number()) {
    return fail(ErrorCode::kBadInput, "calibration: {}.mean_k: expected a number", place);
  }
  out.mean_k = value["mean_k"].get<double>();
  SY_ASSIGN(out.thresholds, thresholds(value["thresholds"], place + ".thresholds", layers));
  return out;
}

[[nodiscard]] Result<void> read_model(const Json& model, Calibration& out) {
  SY_TRY(check_object(model, "model", {"family", "layers", "experts", "k_static"}));
  SY_ASSIGN(out.family, text(model["family"], "model.family"));
  SY_ASSIGN(out.layers, whole(model["layers"], "model.layers", 1, kLayersMax));
  SY_ASSIGN(out.experts, whole(model["experts"], "model.experts", 1, kExpertsMax));
  SY_ASSIGN(out.k_static, whole(model["k_static"], "model.k_static", 1, out.experts));
  return {};
}

[[nodiscard]] Result<std::vector<std::uint64_t>> read_token_counts(const Json& value) {
  if (!value.is_array() || value.size() > kVocabMax) {
    return fail(ErrorCode::kBadInput, "calibration: token_counts: expected a list of at most {}",
                kVocabMax);
  }
  std::vector<std::uint64_t> out;
  for (const Json& item : value) {
    SY_ASSIGN(const std::uint64_t count, whole(item, "token_counts", 0, kCountMax));
    out.push_back(count);
  }
  return out;
}

[[nodiscard]] Result<std::vector<std::uint64_t>> read_expert_loads(const Json& value,
                                                                   const Calibration& model) {
  const auto wrong = [&model] {
    return fail(ErrorCode::kBadInput,
                "calibration: expert_loads: expected {} lists of {}, one per layer", model.layers,
                model.experts);
  };
  if (!value.is_array() || value.size() != model.layers) return wrong();
  std::vector<std::uint64_t> out;
  for (const Json& row : value) {
    if (!row.is_array() || row.size() != model.experts) return wrong();
    for (const Json& item : row) {
      SY_ASSIGN(const std::uint64_t count, whole(item, "expert_loads", 0, kCountMax));
      out.push_back(count);
    }
  }
  return out;
}

}  // namespace

LayerThresholds LayerThresholds::uniform(std::size_t layers, std::span<const double> each) {
  LayerThresholds out;
  out.count = each.size();
  out.values.reserve(layers * each.size());
  for (std::size_t l = 0; l < layers; ++l) {
    out.values.insert(out.values.end(), each.begin(), each.end());
  }
  return out;
}

Result<Calibration> Calibration::parse(std::string_view json) {
  if (json.size() > kFileBytesMax) {
    return fail(ErrorCode::kLimit, "calibration: {} bytes, at most {}", json.size(), kFileBytesMax);
  }
  SY_ASSIGN(const auto root, parse_json_text<Json>(json, "calibration"));
  SY_TRY(check_object(
      root, "file",
      {"format", "version", "model", "tokens", "entries", "token_counts?", "expert_loads?"}));
  if (root["format"] != kFormat || root["version"] != 1) {
    return fail(ErrorCode::kBadInput, "calibration: expected format {} version 1", kFormat);
  }
  Calibration out;
  SY_TRY(read_model(root["model"], out));
  SY_ASSIGN(out.tokens, whole(root["tokens"], "tokens", 0, UINT64_MAX));
  const Json& entries = root["entries"];
  if (!entries.is_array() || entries.size() > kEntriesMax) {
    return fail(ErrorCode::kBadInput, "calibration: entries: expected a list of at most {}",
                kEntriesMax);
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    SY_ASSIGN(CalibrationEntry read, entry(entries[i], fmt::format("entries[{}]", i), out.layers));
    out.entries.push_back(std::move(read));
  }
  if (root.contains("token_counts")) {
    SY_ASSIGN(out.token_counts, read_token_counts(root["token_counts"]));
  }
  if (root.contains("expert_loads")) {
    SY_ASSIGN(out.expert_loads, read_expert_loads(root["expert_loads"], out));
  }
  return out;
}

std::string Calibration::to_json() const {
  Json root;
  root["format"] = kFormat;
  root["version"] = 1;
  root["model"] = {
      {"family", family}, {"layers", layers}, {"experts", experts}, {"k_static", k_static}};
  root["tokens"] = tokens;
  root["entries"] = Json::array();
  for (const CalibrationEntry& item : entries) {
    Json rows = Json::array();
    for (std::size_t l = 0; l < layers; ++l) {
      const auto row = item.thresholds.of(l);
      rows.push_back(std::vector<double>(row.begin(), row.end()));
    }
    root["entries"].push_back({{"spec", item.spec}, {"mean_k", item.mean_k}, {"thresholds", rows}});
  }
  if (!token_counts.empty()) root["token_counts"] = token_counts;
  if (!expert_loads.empty()) {
    Json rows = Json::array();
    for (std::size_t l = 0; l < layers; ++l) {
      const auto row = std::span(expert_loads).subspan(l * experts, experts);
      rows.push_back(std::vector<std::uint64_t>(row.begin(), row.end()));
    }
    root["expert_loads"] = rows;
  }
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> Calibration::check_model(const RouterConvention& convention) const {
  if (layers == convention.layers && experts == convention.experts &&
      k_static == convention.k_static) {
    return {};
  }
  return fail(
      ErrorCode::kUsage,
      "calibration: made for {} with {} MoE layers, {} experts, {} per token; this model has "
      "{}, {}, {}",
      family, layers, experts, k_static, convention.layers, convention.experts,
      convention.k_static);
}

Result<const CalibrationEntry*> Calibration::find(std::string_view spec) const {
  std::vector<std::string_view> there;
  for (const CalibrationEntry& item : entries) {
    if (item.spec == spec) return &item;
    there.push_back(item.spec);
  }
  return fail(ErrorCode::kUsage, "calibration: no entry '{}'; there are: {}", spec,
              there.empty() ? std::string("none") : fmt::format("{}", fmt::join(there, " ")));
}

}  // namespace switchyard::routing
