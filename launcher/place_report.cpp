#include "launcher/place_report.h"

#include <fmt/format.h>

namespace switchyard::launcher {
namespace {

using nlohmann::json;

json score_json(const placement::PlanScore& score) {
  json layers = json::array();
  for (const auto& layer : score.layers) {
    layers.push_back({{"imbalance", layer.imbalance},
                      {"activated", layer.activated},
                      {"ranks_per_token", layer.ranks_per_token}});
  }
  return {{"imbalance", score.imbalance},
          {"imbalance_worst", score.imbalance_worst},
          {"balancedness", score.balancedness},
          {"activated", score.activated},
          {"ranks_per_token", score.ranks_per_token},
          {"layers", std::move(layers)}};
}

std::string line(const char* name, double before, double after, const std::string& note) {
  return fmt::format("{:<28} {:>9.4f} {:>9.4f}{}\n", name, before, after, note);
}

}  // namespace

std::string place_text(const PlaceReport& report) {
  const auto& before = report.before;
  const auto& after = report.after;
  std::string text = fmt::format("planned on {} tokens, scored on {} {}\n\n", report.tokens_planned,
                                 report.tokens_scored, report.held_out ? "others" : "(the same)");
  text += fmt::format("{:<28} {:>9} {:>9}   {} -> {}\n", "", "before", "after", report.before_name,
                      report.planner);
  for (std::size_t l = 0; l < after.layers.size(); ++l) {
    text += line(fmt::format("imbalance of layer {}", l).c_str(), before.layers[l].imbalance,
                 after.layers[l].imbalance, "");
  }
  const auto floor =
      fmt::format("   max / mean; uniform routing would show {:.4f}", report.imbalance_floor);
  text += line("imbalance, mean", before.imbalance, after.imbalance, floor);
  text += line("imbalance, worst layer", before.imbalance_worst, after.imbalance_worst, "");
  text += line("balancedness", before.balancedness, after.balancedness,
               "   share of the time that ranks work");
  text += line("activated experts", before.activated, after.activated,
               fmt::format("   on the worst rank, {} tokens a step", report.step_tokens));
  text += line("ranks per token", before.ranks_per_token, after.ranks_per_token, "");
  text += fmt::format("\n{} copies, {:.1f} % of them new on their rank; planned in {:.3f} s\n",
                      report.copies, 100 * report.churn, report.seconds);
  if (report.drift) {
    text += fmt::format("the loads drifted by {:.1f} % from the one window to the other\n",
                        100 * *report.drift);
  }
  if (!report.out.empty()) {
    text += fmt::format("wrote {}; use it with --placement file:{}\n", report.out, report.out);
  }
  if (report.applied) text += fmt::format("the cluster moves to it: {}\n", *report.applied);
  return text;
}

json place_json(const PlaceReport& report) {
  return {{"applied", report.applied ? json(*report.applied) : json()},
          {"planner", report.planner},
          {"before_name", report.before_name},
          {"out", report.out},
          {"tokens_planned", report.tokens_planned},
          {"tokens_scored", report.tokens_scored},
          {"held_out", report.held_out},
          {"before", score_json(report.before)},
          {"after", score_json(report.after)},
          {"imbalance_floor", report.imbalance_floor},
          {"churn", report.churn},
          {"drift", report.drift ? json(*report.drift) : json()},
          {"copies", report.copies},
          {"step_tokens", report.step_tokens},
          {"seconds", report.seconds}};
}

}  // namespace switchyard::launcher
