#include "launcher/commands/inspect.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "launcher/cluster_run.h"
#include "launcher/job_inputs.h"
#include "launcher/mib.h"
#include "launcher/model_check.h"
#include "launcher/run_report.h"
#include "runtime/base/clock.h"
#include "runtime/config/config_rules.h"
#include "runtime/engine/rank_parts.h"
#include "runtime/engine/rank_sizes.h"
#include "runtime/model/layout.h"

namespace switchyard::launcher {
namespace {

struct RankMemory {
  std::uint32_t rank = 0;
  std::string role;
  std::size_t experts = 0;
  std::size_t weight_bytes = 0;
  std::size_t kv_bytes = 0;
};

// As a run would begin, with its errors.
Result<placement::View> first_view(const Invocation& invocation,
                                   const engine::ClusterOptions& options,
                                   const model::ModelConfig& model) {
  const auto& cluster = invocation.run().cluster;
  std::size_t ranks = cluster.ranks == 0 ? 1 : cluster.ranks;
  if (const auto launched = comm::launched_world_size(invocation.env());
      launched && cluster.transport != "local") {
    SY_TRY(config::check_launched_world(invocation.config, *launched));
    ranks = *launched;
  }
  SY_TRY(config::check_world(invocation.config, ranks));
  const std::vector<std::string> hosts(ranks, "here");
  return engine::make_static_view(options, model, hosts);
}

std::string role_of(const placement::Member& member) {
  if (!member.router) return "expert";
  return member.expert ? "router+expert" : "router";
}

std::vector<RankMemory> memory_per_rank(const placement::View& view,
                                        const model::ModelLayout& layout,
                                        const engine::KvSize& kv) {
  std::vector<RankMemory> memory;
  for (const auto& member : view.members) {
    RankMemory entry;
    entry.rank = member.rank.value();
    entry.role = role_of(member);
    for (std::size_t layer = 0; layer < view.placement.layers(); ++layer) {
      entry.experts += view.placement.experts_of(layer, member.rank).size();
    }
    entry.weight_bytes = entry.experts * layout.expert_bytes;
    if (member.router) {
      entry.weight_bytes += layout.router_bytes;
      entry.kv_bytes = kv.pages * kv.page_bytes;
    }
    memory.push_back(std::move(entry));
  }
  return memory;
}

class InspectCommand final : public Command {
 public:
  std::string_view name() const override { return "inspect"; }
  std::string_view summary() const override {
    return "show a checkpoint, its memory per rank, and what is wrong with it";
  }
  std::string_view examples() const override {
    return "  switchyard inspect --model DIR\n"
           "  switchyard inspect --model DIR --values\n"
           "  switchyard inspect --model DIR --ranks 9 --routers 1 --precision bf16\n";
  }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override {
    app.add_flag("--json", json_, "as a JSON document");
    app.add_flag("--values", values_, "read all weights and name the tensors with NaN or infinity");
  }

  Result<void> run(Invocation& invocation) override {
    const auto& run = invocation.run();
    const ReportAs form = json_ ? ReportAs::kJson : ReportAs::kText;
    if (!run.model.path.empty()) {
      const auto check = check_model(run.model);
      if (!check.problems.empty()) return refuse_model(run.model.path, check.problems, form);
      tokenizer_ = check.tokenizer;
    }
    SY_ASSIGN(const auto source, open_weights(invocation.config));
    const auto& model = source->config();
    SY_ASSIGN(const auto options, cluster_options(invocation.run()));
    model::LayoutOptions layout_options;
    layout_options.precision = options.device.precision;
    if (!run.model.path.empty()) {
      SY_ASSIGN(const auto embedding, source->get({model::WeightRole::kEmbedding, 0, 0}));
      layout_options.stored = embedding.dtype;
      source->release();
    }
    const auto layout = model::compute_layout(model, layout_options);
    SY_ASSIGN(const auto kv, engine::kv_size(options, model));
    SY_ASSIGN(const auto view, first_view(invocation, options, model));
    const auto memory = memory_per_rank(view, layout, kv);
    if (values_ && !run.model.path.empty()) {
      const SteadyClock clock;
      ProgressLine progress(progress_of(run), clock);
      SY_ASSIGN(const auto values, read_values(*source, progress));
      if (!values.problems.empty()) return refuse_model(run.model.path, values.problems, form);
      value_bytes_ = values.bytes;
    }
    if (json_) {
      print_json(model, layout, memory);
    } else {
      print_text(run, model, layout, memory);
      std::printf(
          "KV: %zu positions a router, for up to %llu sequences at a time (engine.kv_mib, "
          "engine.context).\n",
          kv.pages * kernels::kKvPageTokens,
          static_cast<unsigned long long>(run.engine.sequences_max));
      if (!run.model.path.empty()) print_notes();
    }
    return {};
  }

 private:
  void print_notes() const {
    if (tokenizer_ == TokenizerFile::kNone) {
      std::printf(
          "No tokenizer.json: for text it is needed; prompts must be token ids (\"tokens\" in a "
          "--prompts file).\n");
    }
    if (value_bytes_) {
      std::printf("All values are finite (%.1f MiB read).\n", mib(*value_bytes_));
    } else {
      std::printf("Headers only were read; --values looks for NaN and infinity in the weights.\n");
    }
  }

  static void print_text(const config::RunConfig& run, const model::ModelConfig& model,
                         const model::ModelLayout& layout, const std::vector<RankMemory>& memory) {
    std::printf("model       %s (%s)\n",
                run.model.path.empty() ? "random weights" : run.model.path.c_str(),
                model.family.c_str());
    std::printf("layers      %zu, %zu of them with experts\n", model.layers,
                model.moe_layer_count());
    std::printf("hidden      %zu, vocabulary %zu, context %zu\n", model.hidden, model.vocab,
                model.context_max);
    std::printf("attention   %zu heads, %zu key/value heads of %zu\n", model.heads, model.kv_heads,
                model.head_size);
    std::printf("experts     %zu a layer, inner size %zu, %zu per token, weights %s\n",
                model.experts, model.expert_inner, model.experts_per_token,
                model.norm_topk_prob ? "renormalised" : "raw");
    std::printf("parameters  %.3f M, %.3f M active per token\n",
                static_cast<double>(layout.parameters_total) / 1e6,
                static_cast<double>(layout.parameters_active) / 1e6);
    std::printf(
        "precision   %s: %.1f MiB an expert rank's expert, %.1f MiB router part, "
        "%.1f KiB of KV cache a token\n\n",
        run.device.precision.c_str(), mib(layout.expert_bytes), mib(layout.router_bytes),
        static_cast<double>(layout.kv_bytes_per_token) / 1024.0);
    std::printf("%-5s %-14s %8s %14s %14s\n", "rank", "role", "experts", "weights MiB", "KV MiB");
    for (const auto& entry : memory) {
      std::printf("%-5u %-14s %8zu %14.1f %14.1f\n", entry.rank, entry.role.c_str(), entry.experts,
                  mib(entry.weight_bytes), mib(entry.kv_bytes));
    }
  }

  void print_json(const model::ModelConfig& model, const model::ModelLayout& layout,
                  const std::vector<RankMemory>& memory) const {
    nlohmann::json document = {{"family", model.family},
                               {"layers", model.layers},
                               {"moe_layers", model.moe_layer_count()},
                               {"hidden", model.hidden},
                               {"vocab", model.vocab},
                               {"context_max", model.context_max},
                               {"heads", model.heads},
                               {"kv_heads", model.kv_heads},
                               {"head_size", model.head_size},
                               {"experts", model.experts},
                               {"experts_per_token", model.experts_per_token},
                               {"expert_inner", model.expert_inner},
                               {"parameters", layout.parameters_total},
                               {"parameters_active", layout.parameters_active},
                               {"expert_bytes", layout.expert_bytes},
                               {"router_bytes", layout.router_bytes},
                               {"kv_bytes_per_token", layout.kv_bytes_per_token},
                               {"tokenizer", tokenizer_ == TokenizerFile::kUsable},
                               {"values_read", value_bytes_.has_value()},
                               {"ranks", nlohmann::json::array()}};
    for (const auto& entry : memory) {
      document["ranks"].push_back({{"rank", entry.rank},
                                   {"role", entry.role},
                                   {"experts", entry.experts},
                                   {"weight_bytes", entry.weight_bytes},
                                   {"kv_bytes", entry.kv_bytes}});
    }
    std::printf("%s\n", document_text(document).c_str());
  }

  bool json_ = false;
  bool values_ = false;
  TokenizerFile tokenizer_ = TokenizerFile::kNone;
  std::optional<std::size_t> value_bytes_;  // that were read for --values
};

}  // namespace

std::unique_ptr<Command> make_inspect_command() { return std::make_unique<InspectCommand>(); }

}  // namespace switchyard::launcher
