#include "runtime/config/key_table.h"

#include <algorithm>
#include <initializer_list>

#include "runtime/base/check.h"

namespace switchyard::config {
namespace {

// field<&RunConfig::device, &DeviceSection::threads>() is the accessor of that field.
template <auto Section, auto Member>
KeyField field() {
  using Value = std::remove_reference_t<decltype((RunConfig{}.*Section).*Member)>;
  return +[](RunConfig& config) -> Value& { return (config.*Section).*Member; };
}

struct Rows {
  std::string_view section;
  std::vector<Key>& keys;

  void text(std::string_view name, KeyField access, std::string_view doc) {
    keys.push_back({section, name, KeyType::kText, access, doc, {}});
  }
  void path(std::string_view name, KeyField access, std::string_view doc) {
    keys.push_back({section, name, KeyType::kPath, access, doc, {}});
  }
  void choice(std::string_view name, KeyField access, std::vector<std::string_view> choices,
              std::string_view doc) {
    keys.push_back({section, name, KeyType::kChoice, access, doc, std::move(choices)});
  }
  void count(std::string_view name, KeyField access, double min, double max, std::string_view doc) {
    keys.push_back({section, name, KeyType::kCount, access, doc, {}, min, max});
  }
  void real(std::string_view name, KeyField access, double min, double max, std::string_view doc) {
    keys.push_back({section, name, KeyType::kReal, access, doc, {}, min, max});
  }
  void flag(std::string_view name, KeyField access, std::string_view doc) {
    keys.push_back({section, name, KeyType::kSwitch, access, doc, {}});
  }
  // Of the keys so far, those without an effect where no controller leads.
  void need_launch(std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
      const auto key = std::ranges::find_if(
          keys, [&](const Key& each) { return each.section == section && each.name == name; });
      SY_CHECK(key != keys.end(), "{}.{} is no key", section, name);
      key->needs = KeyNeeds::kLaunch;
    }
  }
};

// Seeds are kept below 2^53 so that they survive JSON readers that hold numbers as doubles.
constexpr double kSeedMax = 9007199254740991.0;

void add_model(std::vector<Key>& keys) {
  using S = ModelSection;
  constexpr auto kIn = &RunConfig::model;
  Rows rows{"model", keys};
  rows.path("path", field<kIn, &S::path>(),
            "Checkpoint directory; empty: random weights of the shape below");
  rows.choice("family", field<kIn, &S::family>(), {"qwen3_moe", "mixtral", "olmoe"},
              "Architecture of the random weights");
  rows.count("hidden", field<kIn, &S::hidden>(), 0, 65536, "Width of a token's row");
  rows.count("layers", field<kIn, &S::layers>(), 0, 1024, "Transformer layers");
  rows.count("heads", field<kIn, &S::heads>(), 0, 1024, "Query heads");
  rows.count("kv_heads", field<kIn, &S::kv_heads>(), 0, 1024, "Key/value heads; divides heads");
  rows.count("head_size", field<kIn, &S::head_size>(), 0, 1024, "Width of one head; even");
  rows.count("vocab", field<kIn, &S::vocab>(), 0, 4194304, "Entries of the vocabulary");
  rows.count("experts", field<kIn, &S::experts>(), 0, 4096, "Experts of each layer");
  rows.count("experts_per_token", field<kIn, &S::experts_per_token>(), 0, 4096,
             "The static k of the checkpoint's convention");
  rows.count("expert_inner", field<kIn, &S::expert_inner>(), 0, 262144, "Inner width of an expert");
  rows.count("context_max", field<kIn, &S::context_max>(), 1, 16777216,
             "Longest sequence of the random model, in tokens");
  rows.count("seed", field<kIn, &S::seed>(), 0, kSeedMax, "Seed of the random weights");
}

void add_device(std::vector<Key>& keys) {
  using S = DeviceSection;
  constexpr auto kIn = &RunConfig::device;
  Rows rows{"device", keys};
  rows.choice(
      "name", field<kIn, &S::name>(), {"cpu", "cuda"},
      "Where ranks compute: this machine's cores, or its NVIDIA GPUs, one for each rank in turn");
  rows.choice("precision", field<kIn, &S::precision>(), {"bf16", "fp32"},
              "Operands of the matrix products; sums are fp32 in both");
  rows.choice("isa", field<kIn, &S::isa>(), {"auto", "avx512-bf16", "avx512", "avx2", "ref"},
              "Instruction set of the kernels; auto: the best that this processor has");
  rows.choice("cuda_gemm", field<kIn, &S::cuda_gemm>(), {"invariant", "cublas"},
              "Matrix products of many rows on a GPU: our kernels, or cuBLAS, whose bits for a row "
              "depend on the rows beside it");
  rows.count("threads", field<kIn, &S::threads>(), 0, 1024,
             "Compute threads of a rank; 0: its share of the cores that it may use, at least 1");
}

void add_scaling(Rows& rows) {
  using S = ClusterSection;
  constexpr auto kIn = &RunConfig::cluster;
  rows.choice("autoscale", field<kIn, &S::autoscale>(), {"off", "advisory", "active"},
              "Whether a launched cluster changes its number of expert ranks, or says it would");
  rows.count("experts_min", field<kIn, &S::experts_min>(), 1, 1024,
             "Expert ranks that the autoscaler keeps at least");
  rows.count("experts_max", field<kIn, &S::experts_max>(), 0, 1024,
             "Expert ranks that the autoscaler has at most; 0: all that there are");
  rows.real("busy_target", field<kIn, &S::busy_target>(), 0.001, 1,
            "Share of an expert rank's time that the autoscaler aims at");
  rows.real("queue_target_ms", field<kIn, &S::queue_target_ms>(), 0, 3600000,
            "p95 of how long rows wait for an expert rank, in milliseconds; 0: not looked at");
  rows.real("step_target_ms", field<kIn, &S::step_target_ms>(), 0, 3600000,
            "p95 of the slowest router's step, in milliseconds; 0: not looked at");
  rows.real("cpu_target", field<kIn, &S::cpu_target>(), 0, 1,
            "Share of an expert rank's cores in use, by whomever; 0: not looked at");
  rows.real("memory_target", field<kIn, &S::memory_target>(), 0, 1,
            "Share of memory in use where the fullest expert rank is; 0: not looked at");
  rows.count("replicas_max", field<kIn, &S::replicas_max>(), 1, 1024,
             "Copies of each expert that the autoscaler has at most; it goes below replicas never");
  rows.real(
      "imbalance_target", field<kIn, &S::imbalance_target>(), 0, 1024,
      "Slowest expert rank over the mean that the autoscaler aims at by more or fewer copies; "
      "0: not looked at");
  rows.count(
      "ramp_steps", field<kIn, &S::ramp_steps>(), 0, 1000000,
      "Steps of a router over which an expert rank that has come gets its share of the rows; "
      "0: at once");
  rows.count("prepare_timeout_ms", field<kIn, &S::prepare_timeout_ms>(), 1, 86400000,
             "A rank that is to load for a view and reads no weight for so long has failed, in "
             "milliseconds");
  rows.count("compute_timeout_ms", field<kIn, &S::compute_timeout_ms>(), 0, 86400000,
             "A rank that says that it computes, and who waits for it, is not taken for stuck or "
             "mute for so long, in milliseconds");
  rows.count("change_timeout_ms", field<kIn, &S::change_timeout_ms>(), 1, 86400000,
             "A drain, scaling or move of experts is done after so long, or taken back, in "
             "milliseconds");
  rows.count("autoscale_interval_ms", field<kIn, &S::autoscale_interval_ms>(), 1, 3600000,
             "Between two decisions of the autoscaler, in milliseconds");
  rows.count("autoscale_window_ms", field<kIn, &S::autoscale_window_ms>(), 1, 86400000,
             "How long load must be low before ranks leave, in milliseconds");
  rows.need_launch({"autoscale", "experts_min", "experts_max", "busy_target", "queue_target_ms",
                    "step_target_ms", "cpu_target", "memory_target", "replicas_max",
                    "imbalance_target", "ramp_steps", "prepare_timeout_ms", "compute_timeout_ms",
                    "change_timeout_ms", "autoscale_interval_ms", "autoscale_window_ms"});
}

void add_detection(Rows& rows) {
  using S = ClusterSection;
  constexpr auto kIn = &RunConfig::cluster;
  rows.count("controller_timeout_ms", field<kIn, &S::controller_timeout_ms>(), 1, 86400000,
             "launch ends a controller that says nothing for so long and starts it again, in "
             "milliseconds");
  rows.count("start_timeout_ms", field<kIn, &S::start_timeout_ms>(), 1000, 86400000,
             "A launched cluster starts without ranks that have not come by then, in milliseconds");
  rows.count("silence_timeout_ms", field<kIn, &S::silence_timeout_ms>(), 500, 86400000,
             "A rank that works and says nothing for so long is taken for dead, in milliseconds");
  rows.count("stuck_timeout_ms", field<kIn, &S::stuck_timeout_ms>(), 1000, 86400000,
             "A rank that has work and gets no step done for so long is taken for dead, in "
             "milliseconds; for a router that waits for another rank twice as long");
  rows.need_launch(
      {"controller_timeout_ms", "start_timeout_ms", "silence_timeout_ms", "stuck_timeout_ms"});
}

void add_balancing(Rows& rows) {
  using S = ClusterSection;
  constexpr auto kIn = &RunConfig::cluster;
  rows.choice("rebalance", field<kIn, &S::rebalance>(), {"off", "advisory", "active"},
              "Whether a launched cluster moves experts to where the load is, or says it would");
  rows.count("rebalance_interval_ms", field<kIn, &S::rebalance_interval_ms>(), 1, 86400000,
             "Between two decisions of the balancer, in milliseconds");
  rows.count("rebalance_cooldown_ms", field<kIn, &S::rebalance_cooldown_ms>(), 0, 86400000,
             "From the end of one rebalance to the next decision, in milliseconds");
  rows.count("rebalance_window_ms", field<kIn, &S::rebalance_window_ms>(), 1, 86400000,
             "Age of the oldest loads that a plan is made for, in milliseconds");
  rows.count("rebalance_copies", field<kIn, &S::rebalance_copies>(), 1, 1048576,
             "Copies of experts that one view of a rebalance loads at most");
  rows.real("rebalance_imbalance", field<kIn, &S::rebalance_imbalance>(), 1, 1024,
            "Slowest rank over the mean below which the balancer moves nothing by itself");
  rows.choice(
      "rebalance_objective", field<kIn, &S::rebalance_objective>(), {"tokens", "activated"},
      "What a plan of a launched cluster spreads: pairs (prefill), or experts that are read "
      "in a step (decode)");
  rows.count("rebalance_step_tokens", field<kIn, &S::rebalance_step_tokens>(), 1, 1048576,
             "Tokens that go through a layer together, for rebalance_objective activated");
  rows.choice("rank_speeds", field<kIn, &S::rank_speeds>(), {"equal", "measured"},
              "Whether plans take all expert ranks for equally fast, or go by what each has served "
              "of late");
  rows.count("extra_slots", field<kIn, &S::extra_slots>(), 0, 4096,
             "Slots of a rank in a layer, beyond the replicas, for more copies of busy experts");
  rows.need_launch({"rebalance", "rebalance_interval_ms", "rebalance_cooldown_ms",
                    "rebalance_window_ms", "rebalance_copies", "rebalance_imbalance",
                    "rebalance_objective", "rebalance_step_tokens", "rank_speeds", "extra_slots"});
}

void add_retries(Rows& rows) {
  using S = ClusterSection;
  constexpr auto kIn = &RunConfig::cluster;
  rows.count("breaker_failures", field<kIn, &S::breaker_failures>(), 1, 1000000,
             "Failed exchanges in a row after which a router prefers other copies to that rank's");
  rows.count("breaker_open_ms", field<kIn, &S::breaker_open_ms>(), 1, 86400000,
             "Until one exchange tries that rank again, in milliseconds");
  rows.count("breaker_timeout_ms", field<kIn, &S::breaker_timeout_ms>(), 1, 86400000,
             "An exchange that waits for a rank for longer has failed there, in milliseconds");
  rows.count("retry_base_ms", field<kIn, &S::retry_base_ms>(), 1, 86400000,
             "Longest first wait before another try; doubled each time, in milliseconds");
  rows.count("retry_cap_ms", field<kIn, &S::retry_cap_ms>(), 1, 86400000,
             "Longest wait before another try, in milliseconds; at least retry_base_ms");
  rows.real("retry_ratio", field<kIn, &S::retry_ratio>(), 0, 1,
            "Retries that each first attempt pays for");
  rows.real("retry_per_second", field<kIn, &S::retry_per_second>(), 0.001, 1000000,
            "Retries that each second pays for");
  rows.count("attempts_max", field<kIn, &S::attempts_max>(), 1, 1000000,
             "Failed attempts of one request, deaths of its router not counted; then it fails");
  rows.count("results_kept_ms", field<kIn, &S::results_kept_ms>(), 0, 86400000,
             "The controller forgets a result so long after a client was told, in milliseconds");
  rows.count("lives_max", field<kIn, &S::lives_max>(), 1, 1000000,
             "Lives of a rank's process that is taken for dead; after the last one it ends");
  rows.need_launch({"breaker_failures", "breaker_open_ms", "breaker_timeout_ms", "retry_base_ms",
                    "retry_cap_ms", "retry_ratio", "retry_per_second", "attempts_max",
                    "results_kept_ms", "lives_max"});
}

void add_cluster(std::vector<Key>& keys) {
  using S = ClusterSection;
  constexpr auto kIn = &RunConfig::cluster;
  Rows rows{"cluster", keys};
  rows.choice("transport", field<kIn, &S::transport>(), {"auto", "local", "mpi"},
              "How ranks exchange rows; auto: mpi under mpirun, else local");
  rows.choice("exchange", field<kIn, &S::exchange>(), {"auto", "host", "nccl"},
              "How rows travel between GPUs: through host memory or by NCCL; auto: NCCL where it "
              "can");
  rows.count("ranks", field<kIn, &S::ranks>(), 0, 1024,
             "Ranks as threads of this process (local transport); 0: 1");
  rows.count("routers", field<kIn, &S::routers>(), 0, 1024,
             "Ranks 0..routers-1 hold sequences; 0: 1");
  rows.flag("colocate", field<kIn, &S::colocate>(), "Router ranks hold experts too");
  rows.text(
      "placement", field<kIn, &S::placement>(),
      "How experts are spread over the expert ranks: contiguous, round-robin, balanced, eplb, or "
      "file:PLAN (written by `place`)");
  rows.count("replicas", field<kIn, &S::replicas>(), 1, 1024,
             "Copies of every expert, on distinct ranks");
  rows.flag("every_region", field<kIn, &S::every_region>(),
            "A launched cluster keeps a copy of every expert in each region that has an expert "
            "rank, also where that takes more than replicas");
  rows.choice("replica_choice", field<kIn, &S::replica_choice>(),
              {"local-first", "nearest", "round-robin", "weighted"},
              "Which copy of an expert gets a row");
  rows.text("link_costs", field<kIn, &S::link_costs>(),
            "What rows between regions cost, for nearest, such as eu-west:us-east=80; empty: as "
            "measured");
  rows.real("spill_over", field<kIn, &S::spill_over>(), 0, 1024,
            "nearest: fair shares of a dispatch after which a farther copy is taken; 0: never");
  rows.choice("wire", field<kIn, &S::wire>(), {"auto", "bf16", "fp32"},
              "Element type of expert rows on the wire; auto: the precision");
  rows.count("spares", field<kIn, &S::spares>(), 0, 1023,
             "Launched ranks that wait to take a dead one's place");
  rows.count("spawns", field<kIn, &S::spawns>(), 0, 1024,
             "Processes that are started in place of dead ones when no spare is left, in all");
  rows.choice(
      "loss", field<kIn, &S::loss>(), {"reload", "mask", "fail"},
      "When an expert's last copy dies: load it elsewhere, drop its pairs, or fail requests");
  rows.count("loss_wait_ms", field<kIn, &S::loss_wait_ms>(), 0, 86400000,
             "loss reload: requests fail when no rank that could load has been there for so long, "
             "in milliseconds");
  rows.text("regions", field<kIn, &S::regions>(),
            "Region and zone of launched ranks, such as 0-1=eu-west/a,2-3=us-east");
  rows.text("residency", field<kIn, &S::residency>(),
            "Regions that a regime's rows may touch, such as eu/gdpr=eu-west+eu-north;us=us-east");
  add_scaling(rows);
  add_detection(rows);
  add_balancing(rows);
  add_retries(rows);
  rows.count(
      "exchange_deadline_ms", field<kIn, &S::exchange_deadline_ms>(), 1, 86400000,
      "Longest wait for a peer's answer where no controller is there to judge it, in milliseconds");
  rows.count("gather_window_us", field<kIn, &S::gather_window_us>(), 0, 10000000,
             "How long an expert rank waits for the other routers' rows, in microseconds");
  rows.count("micro_batches", field<kIn, &S::micro_batches>(), 0, 16,
             "Parts of a step that overlap; 0: 2 where experts are on other ranks, else 1");
  rows.need_launch({"link_costs", "spares", "spawns", "loss", "loss_wait_ms", "regions",
                    "residency", "every_region"});
}

void add_routing(std::vector<Key>& keys) {
  using S = RoutingSection;
  constexpr auto kIn = &RunConfig::routing;
  Rows rows{"routing", keys};
  rows.text("spec", field<kIn, &S::spec>(),
            "Routing policy, such as top-p:theta=0.6,k_min=1,k_max=6; auto: the checkpoint's "
            "top-k; all: `switchyard routing`");
  rows.path("calibration", field<kIn, &S::calibration>(),
            "File written by `calibrate`: thresholds for specs with mean_k=, loads for "
            "fallback=load_balance; empty: none");
  rows.flag("aux_losses", field<kIn, &S::aux_losses>(),
            "Report the gates' routing entropy, load-balancing and z losses; `eval` always does");
}

void add_engine(std::vector<Key>& keys) {
  using S = EngineSection;
  constexpr auto kIn = &RunConfig::engine;
  Rows rows{"engine", keys};
  rows.count("sequences_max", field<kIn, &S::sequences_max>(), 1, 65536,
             "Sequences in one step of a router");
  rows.count("chunk_tokens", field<kIn, &S::chunk_tokens>(), 1, 1048576,
             "Longest piece of a prompt in one step, in tokens");
  rows.count("step_tokens_max", field<kIn, &S::step_tokens_max>(), 1, 1048576,
             "Most tokens of one step, over all its sequences");
  rows.count("context", field<kIn, &S::context>(), 0, 16777216,
             "Longest sequence, in tokens; 0: the model's");
  rows.count("kv_mib", field<kIn, &S::kv_mib>(), 0, 16777216,
             "Limit of the KV cache in MiB; 0: sequences_max full contexts, 4096 at most");
}

void add_sampling(std::vector<Key>& keys) {
  using S = SamplingSection;
  constexpr auto kIn = &RunConfig::sampling;
  Rows rows{"sampling", keys};
  rows.count("max_tokens", field<kIn, &S::max_tokens>(), 0, 16777216,
             "Most tokens to generate for a prompt; 0: none, the prompt is only read");
  rows.real("temperature", field<kIn, &S::temperature>(), 0, 100,
            "Divides the logits before sampling; 0: greedy");
  rows.count("top_k", field<kIn, &S::top_k>(), 0, 4194304,
             "Sample among the k likeliest tokens; 0: all");
  rows.real("top_p", field<kIn, &S::top_p>(), 0, 1,
            "Sample among the likeliest tokens of this joint probability, in (0, 1]");
  rows.count("seed", field<kIn, &S::seed>(), 0, kSeedMax,
             "Seed of the sampling; each sequence has its own stream");
  rows.flag("ignore_eos", field<kIn, &S::ignore_eos>(),
            "Go on after an end token, up to max_tokens");
}

void add_tls(std::vector<Key>& keys) {
  using S = TlsSection;
  constexpr auto kIn = &RunConfig::tls;
  Rows rows{"tls", keys};
  rows.path("certificate", field<kIn, &S::certificate>(),
            "This process's certificate in PEM, for control connections under TLS; empty: plain");
  rows.path("key", field<kIn, &S::key>(), "Its private key in PEM, mode 0600, no passphrase");
  rows.path("authority", field<kIn, &S::authority>(),
            "Certificates in PEM that sign for every peer of the cluster");
  rows.need_launch({"certificate", "key", "authority"});
}

void add_log(std::vector<Key>& keys) {
  using S = LogSection;
  constexpr auto kIn = &RunConfig::log;
  Rows rows{"log", keys};
  rows.choice("level", field<kIn, &S::level>(),
              {"trace", "debug", "info", "warning", "error", "off"},
              "Least severe event that is logged to stderr");
  rows.choice("format", field<kIn, &S::format>(), {"text", "json"},
              "Lines of the ranks' log on stderr: for people, or one JSON object each");
  rows.count("file_bytes_max", field<kIn, &S::file_bytes_max>(), 4096, std::uint64_t{1} << 40,
             "A controller's log file is put aside at so many bytes; three full ones are kept");
  rows.flag("progress", field<kIn, &S::progress>(), "Show progress on stderr while working");
  rows.path("trace_out", field<kIn, &S::trace_out>(),
            "File for a trace of the run (Trace Event Format, for ui.perfetto.dev); empty: none");
  rows.count("trace_spans", field<kIn, &S::trace_spans>(), 1, 16777216,
             "Spans of 64 bytes that each rank keeps for the trace, the last ones");
}

std::vector<Key> make_table() {
  std::vector<Key> keys;
  add_model(keys);
  add_device(keys);
  add_cluster(keys);
  add_routing(keys);
  add_engine(keys);
  add_sampling(keys);
  add_tls(keys);
  add_log(keys);
  return keys;
}

}  // namespace

std::span<const Key> all_keys() {
  static const std::vector<Key> kTable = make_table();
  return kTable;
}

}  // namespace switchyard::config
