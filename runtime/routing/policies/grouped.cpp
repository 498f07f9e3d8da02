// grouped:groups=,topk_group=,k=,scale=,bias= -- DeepSeek-V3: sigmoid scores; experts compete by
// score plus bias within the best groups (a group's score is the sum of its two best); weights come
// from the scores without bias. bias= names a JSON file [[E numbers] per MoE layer]; absent: none.
#include "runtime/routing/policies/grouped.h"

#include "runtime/routing/json_file.h"
#include "runtime/routing/policies/fixed_rule.h"

namespace switchyard::routing {
namespace {

Result<BuiltPolicy> make(const PolicyInput& input) {
  const RouterConvention& convention = input.convention;
  const std::size_t experts = convention.experts;
  GroupedRanking ranking;
  SY_ASSIGN(ranking.grouping.groups, input.spec.whole("groups", 1, 1, experts));
  const std::size_t groups = ranking.grouping.groups;
  if (experts % groups != 0) {
    return fail(ErrorCode::kUsage,
                "routing policy grouped: {} experts are not a multiple of {} "
                "groups",
                experts, groups);
  }
  SY_ASSIGN(ranking.grouping.groups_kept, input.spec.whole("topk_group", groups, 1, groups));
  const std::size_t candidates = ranking.grouping.groups_kept * (experts / groups);
  SY_ASSIGN(const std::size_t k, input.spec.whole("k", convention.k_static, 1, experts));
  if (k > candidates) {
    return fail(ErrorCode::kUsage,
                "routing policy grouped: k {} is above the {} experts of {} "
                "groups",
                k, candidates, ranking.grouping.groups_kept);
  }
  BuiltPolicy built;
  built.convention = convention;
  built.convention.scoring = Scoring::kSigmoid;
  SY_ASSIGN(const auto scale, input.spec.number("scale", Range{1e-6, 1e6}));
  if (scale) built.convention.scale = static_cast<float>(*scale);
  SpecText text("grouped");
  text.add("groups", groups).add("topk_group", ranking.grouping.groups_kept).add("k", k);
  text.add("scale", built.convention.scale);
  if (const auto path = input.spec.text("bias")) {
    SY_ASSIGN(ranking.bias, read_matrix(std::string(*path), convention.layers, experts));
    text.add("bias", *path);
  }
  built.spec = text.str();
  built.rule = std::make_unique<FixedRule>(std::vector<std::size_t>(convention.layers, k));
  built.k_max = k;
  built.ranking = std::move(ranking);
  return built;
}

}  // namespace

PolicyEntry grouped_policy() {
  return {"grouped",
          "static: DeepSeek-V3's group-limited sigmoid router",
          {"groups", "topk_group", "k", "scale", "bias"},
          &make,
          nullptr};
}

}  // namespace switchyard::routing
