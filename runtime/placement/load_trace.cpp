#include "runtime/placement/load_trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/check.h"
#include "runtime/base/json_text.h"

namespace switchyard::placement {
namespace {

using nlohmann::json;

constexpr std::size_t kLayersMax = 4096;
constexpr std::size_t kExpertsMax = 4096;

[[nodiscard]] Result<std::size_t> count_of(const json& object, const char* key, std::size_t most) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned() || *found < 1 || *found > most) {
    return fail(ErrorCode::kBadInput, "{}: expected a whole number 1..{}", key, most);
  }
  return found->get<std::size_t>();
}

[[nodiscard]] Result<std::vector<std::uint16_t>> numbers_of(const json& object, const char* key,
                                                            std::size_t below) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) {
    return fail(ErrorCode::kBadInput, "{}: expected a list", key);
  }
  std::vector<std::uint16_t> out;
  out.reserve(found->size());
  for (const json& item : *found) {
    if (!item.is_number_unsigned() || item >= below) {
      return fail(ErrorCode::kBadInput, "{}[{}]: expected a whole number below {}", key, out.size(),
                  below);
    }
    out.push_back(item.get<std::uint16_t>());
  }
  return out;
}

[[nodiscard]] Result<TracedLayer> layer_of(const json& body, std::size_t experts) {
  if (!body.is_object()) return fail(ErrorCode::kBadInput, "expected an object");
  TracedLayer layer;
  SY_ASSIGN(layer.k, numbers_of(body, "k", experts + 1));
  SY_ASSIGN(layer.experts, numbers_of(body, "experts", experts));
  std::size_t pairs = 0;
  std::vector<std::uint32_t> last_token(experts, 0);
  for (std::size_t t = 0; t < layer.k.size(); ++t) {
    if (layer.k[t] > layer.experts.size() - pairs) {
      return fail(ErrorCode::kBadInput, "k adds up to more than the {} experts listed",
                  layer.experts.size());
    }
    for (std::size_t i = pairs; i < pairs + layer.k[t]; ++i) {
      const std::uint16_t e = layer.experts[i];
      if (last_token[e] == t + 1) {
        return fail(ErrorCode::kBadInput, "position {} chose expert {} twice", t, e);
      }
      last_token[e] = static_cast<std::uint32_t>(t + 1);
    }
    pairs += layer.k[t];
  }
  if (pairs != layer.experts.size()) {
    return fail(ErrorCode::kBadInput, "k adds up to {}, but {} experts are listed", pairs,
                layer.experts.size());
  }
  return layer;
}

struct Shape {
  std::size_t layers = 0;
  std::size_t experts = 0;
};

[[nodiscard]] Result<Shape> header_of(const json& body) {
  if (!body.is_object() || body.value("format", json()) != "switchyard-trace") {
    return fail(ErrorCode::kBadInput, "not a trace: expected \"format\": \"switchyard-trace\"");
  }
  if (body.value("version", json()) != 1) {
    return fail(ErrorCode::kUnsupported, "version: expected 1");
  }
  Shape shape;
  SY_ASSIGN(shape.layers, count_of(body, "layers", kLayersMax));
  SY_ASSIGN(shape.experts, count_of(body, "experts", kExpertsMax));
  return shape;
}

[[nodiscard]] Result<void> append_sequence(const json& body, const Shape& shape,
                                           std::vector<TracedLayer>& out) {
  const auto layers = body.find("layers");
  if (layers == body.end() || !layers->is_array() || layers->size() != shape.layers) {
    return fail(ErrorCode::kBadInput, "layers: expected a list of {}", shape.layers);
  }
  const std::size_t first = out.size();
  for (std::size_t l = 0; l < shape.layers; ++l) {
    auto layer = layer_of((*layers)[l], shape.experts);
    if (!layer) return with_place(std::move(layer).error(), fmt::format("layers[{}]", l));
    out.push_back(std::move(*layer));
    if (out[first].k.size() != out.back().k.size()) {
      return fail(ErrorCode::kBadInput, "layers[{}]: {} positions, layers[0] has {}", l,
                  out.back().k.size(), out[first].k.size());
    }
  }
  return {};
}

}  // namespace

Result<LoadTrace> LoadTrace::parse(std::string_view text, std::string_view name) {
  LoadTrace trace;
  Shape shape;
  std::size_t number = 0;
  for (bool ended = false; !text.empty();) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string place = fmt::format("{}:{}", name, ++number);
    if (line.empty()) continue;
    if (ended) return fail(ErrorCode::kBadInput, "{}: a line after the loads", place);
    SY_ASSIGN(const auto body, parse_json_text<json>(line, place));
    if (!body.is_object()) return fail(ErrorCode::kBadInput, "{}: not a JSON object", place);
    if (shape.layers == 0) {
      auto header = header_of(body);
      if (!header) return with_place(std::move(header).error(), place);
      shape = *header;
    } else if (body.contains("loads")) {
      ended = true;  // they are counted here, over any window
    } else if (auto added = append_sequence(body, shape, trace.sequences_); !added) {
      return with_place(std::move(added).error(), place);
    }
  }
  trace.layers_ = shape.layers;
  trace.experts_ = shape.experts;
  if (trace.tokens(trace.all()) == 0) {
    return fail(ErrorCode::kBadInput, "{}: no selections in the trace", name);
  }
  return trace;
}

// visit(layer, number of the token in the window, its experts).
template <class Visit>
void LoadTrace::for_each_token(TraceWindow window, Visit&& visit) const {
  SY_CHECK(window.first + window.count <= sequences(), "sequences {}+{} of {}", window.first,
           window.count, sequences());
  for (std::size_t l = 0; l < layers_; ++l) {
    std::size_t token = 0;
    for (std::size_t s = window.first; s < window.first + window.count; ++s) {
      const TracedLayer& layer = sequences_[s * layers_ + l];
      std::size_t begin = 0;
      for (const std::uint16_t k : layer.k) {
        visit(l, token++, std::span(layer.experts).subspan(begin, k));
        begin += k;
      }
    }
  }
}

std::uint64_t LoadTrace::tokens(TraceWindow window) const {
  std::uint64_t count = 0;
  for (std::size_t s = window.first; s < window.first + window.count; ++s) {
    count += sequences_[s * layers_].k.size();
  }
  return count;
}

std::vector<std::uint64_t> LoadTrace::loads(TraceWindow window) const {
  std::vector<std::uint64_t> out(layers_ * experts_, 0);
  for_each_token(window, [&](std::size_t layer, std::size_t, auto chosen) {
    for (const std::uint16_t e : chosen) ++out[layer * experts_ + e];
  });
  return out;
}

std::vector<std::uint32_t> LoadTrace::chosen_together(TraceWindow window) const {
  std::vector<std::uint32_t> out(layers_ * experts_ * experts_, 0);
  for_each_token(window, [&](std::size_t layer, std::size_t, auto chosen) {
    for (const std::uint16_t e : chosen) {
      for (const std::uint16_t f : chosen) {
        if (e != f) ++out[(layer * experts_ + e) * experts_ + f];
      }
    }
  });
  return out;
}

std::vector<double> LoadTrace::ranks_per_token(const Placement& placement,
                                               TraceWindow window) const {
  SY_CHECK(placement.layers() == layers_ && placement.experts() == experts_,
           "a placement of another model");
  std::vector<double> sums(layers_, 0.0);
  std::vector<RankId> ranks;
  for_each_token(window, [&](std::size_t layer, std::size_t token, auto chosen) {
    ranks.clear();
    for (const std::uint16_t e : chosen) {
      const auto copies = placement.replicas(layer, ExpertId(e));
      ranks.push_back(copies[token % copies.size()].rank);
    }
    std::ranges::sort(ranks);
    sums[layer] += static_cast<double>(std::unique(ranks.begin(), ranks.end()) - ranks.begin());
  });
  const auto count = static_cast<double>(std::max<std::uint64_t>(1, tokens(window)));
  for (double& sum : sums) sum /= count;
  return sums;
}

}  // namespace switchyard::placement
