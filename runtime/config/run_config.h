// runtime/config/run_config.h -- every setting of a run as plain structs with their defaults.
// Not the reader (config_yaml.h) and not the precedence (config_sources.h); nothing here knows
// YAML. Each field is one key, named section.field in YAML and SWITCHYARD_SECTION_FIELD in the
// environment. Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard::config {

// Where the model comes from: a checkpoint directory, or (path empty) random weights of this shape.
struct ModelSection {
  std::string path;
  std::string family = "qwen3_moe";  // qwen3_moe, mixtral, olmoe
  std::uint64_t hidden = 0;
  std::uint64_t layers = 0;
  std::uint64_t heads = 0;
  std::uint64_t kv_heads = 0;
  std::uint64_t head_size = 0;
  std::uint64_t vocab = 0;
  std::uint64_t experts = 0;
  std::uint64_t experts_per_token = 0;
  std::uint64_t expert_inner = 0;
  std::uint64_t context_max = 4096;
  std::uint64_t seed = 1;  // of the random weights
};

struct DeviceSection {
  std::string name = "cpu";             // cpu, cuda
  std::string precision = "bf16";       // bf16, fp32
  std::string isa = "auto";             // auto, avx512-bf16, avx512, avx2, ref
  std::string cuda_gemm = "invariant";  // invariant, cublas
  std::uint64_t threads = 0;  // per rank; 0: cores of the host / ranks on the host, at least 1
};

struct ClusterSection {
  std::string transport = "auto";        // auto: mpi under mpirun, else local
  std::string exchange = "auto";         // rows between GPUs: auto, host, nccl
  std::uint64_t ranks = 0;               // ranks as threads of this process (local transport); 0: 1
  std::uint64_t routers = 0;             // ranks 0..routers-1 hold sequences; 0: 1
  bool colocate = false;                 // router ranks hold experts too
  std::string placement = "contiguous";  // a planner, or file:PLAN
  std::uint64_t replicas = 1;            // copies of every expert, on distinct ranks
  bool every_region = false;             // one of them at least in each region of `regions`
  std::string replica_choice = "local-first";  // local-first, nearest, round-robin, weighted
  std::string link_costs;       // "eu-west:us-east=80,...": between regions, for nearest
  double spill_over = 0;        // nearest: fair shares of a dispatch that fill a rank; 0: none
  std::string wire = "auto";    // expert rows on the wire: auto (the precision), bf16, fp32
  std::uint64_t spares = 0;     // launched ranks that wait to take a dead one's place
  std::uint64_t spawns = 0;     // processes started in place of dead ones, once no spare is left
  std::string loss = "reload";  // when an expert's last copy dies: reload, mask, fail
  std::uint64_t loss_wait_ms = 30000;  // ... then requests fail where nobody can load it
  std::string regions;                 // "0-1=eu-west/a,2=us-east": region and zone of the ranks
  std::string residency;               // "eu/gdpr=eu-west+eu-north": where rows of a regime may go
  std::string autoscale = "off";       // off, advisory, active
  std::uint64_t experts_min = 1;       // expert ranks that the autoscaler keeps at least
  std::uint64_t experts_max = 0;       // ... and at most; 0: all that there are
  double busy_target = 0.7;            // share of an expert rank's time that the autoscaler aims at
  double queue_target_ms = 20;         // further targets of the autoscaler; 0: not looked at
  double step_target_ms = 0;
  double cpu_target = 0;
  double memory_target = 0;
  std::uint64_t autoscale_interval_ms = 5000;
  std::uint64_t autoscale_window_ms = 300000;  // how long load must be low before ranks leave
  std::uint64_t replicas_max = 1;  // copies of each expert that the autoscaler has at most
  double imbalance_target = 1.5;   // of the expert ranks, for its copies; 0: not looked at
  std::uint64_t ramp_steps = 64;   // until a rank that has come gets its whole share of the rows
  std::uint64_t controller_timeout_ms = 10000;  // one that says nothing for so long is replaced
  std::uint64_t start_timeout_ms = 120000;      // then the cluster starts without who has not come
  std::uint64_t silence_timeout_ms = 2000;      // a rank that says nothing for so long is dead
  std::uint64_t stuck_timeout_ms = 15000;       // ... or has work and gets no step done
  std::uint64_t prepare_timeout_ms = 60000;     // a rank that loads and reads nothing has failed
  std::uint64_t compute_timeout_ms =
      60000;  // a rank at one batch is not taken for dead for so long
  std::uint64_t change_timeout_ms = 300000;  // a drain, scaling, rebalance is done, or taken back
  std::string rebalance = "off";             // off, advisory, active
  std::uint64_t rebalance_interval_ms = 10000;  // between two decisions
  std::uint64_t rebalance_cooldown_ms = 60000;  // from the end of one rebalance to the next
  std::uint64_t rebalance_window_ms = 30000;    // of the loads that a plan is made for
  std::uint64_t rebalance_copies = 8;           // of experts that one view loads at most
  double rebalance_imbalance = 1.15;  // slowest rank over the mean: below it nothing is moved
  std::string rebalance_objective = "tokens";  // tokens, activated
  std::uint64_t rebalance_step_tokens = 64;    // that go through a layer together, for activated
  std::string rank_speeds = "equal";           // equal, measured
  std::uint64_t extra_slots = 0;            // of a rank in a layer, for more copies of busy experts
  std::uint64_t breaker_failures = 5;       // failed exchanges in a row that open a peer's breaker
  std::uint64_t breaker_open_ms = 60000;    // until one probe
  std::uint64_t breaker_timeout_ms = 1000;  // an exchange that takes longer has failed
  std::uint64_t retry_base_ms =
      50;  // first wait before another try, doubled each time, with full jitter
  std::uint64_t retry_cap_ms = 1000;
  double retry_ratio = 0.2;                // retries for each first attempt
  double retry_per_second = 3;             // and for each second
  std::uint64_t attempts_max = 8;          // of one request, on routers that died or lost it
  std::uint64_t results_kept_ms = 600000;  // by the controller, after a client has been told
  std::uint64_t lives_max = 8;             // of a process that was taken for dead; then it ends
  std::uint64_t exchange_deadline_ms = 30000;
  std::uint64_t gather_window_us = 200;  // an expert rank waits this long for the other routers
  std::uint64_t micro_batches = 0;       // 0: 2 where experts are on other ranks, else 1
};

struct RoutingSection {
  std::string spec = "auto";  // auto: the checkpoint's static top-k
  std::string calibration;    // file of `calibrate`; empty: none
  bool aux_losses = false;    // report the load-balancing and z losses of the gates
};

struct EngineSection {
  std::uint64_t sequences_max = 16;  // sequences in one step (continuous batching)
  std::uint64_t chunk_tokens = 512;  // longest piece of a prompt in one step
  std::uint64_t step_tokens_max = 2048;
  std::uint64_t context = 0;  // 0: the model's
  std::uint64_t kv_mib =
      0;  // KV cache limit; 0: enough for sequences_max full contexts, 4096 at most
};

struct SamplingSection {
  std::uint64_t max_tokens = 64;
  double temperature = 0;   // 0: greedy
  std::uint64_t top_k = 0;  // 0: off
  double top_p = 1;
  std::uint64_t seed = 0;
  bool ignore_eos = false;
};

// Who a process is on the connections of a cluster's control plane, in PEM files; all three or
// none.
struct TlsSection {
  std::string certificate;  // with the intermediate ones behind it
  std::string key;          // mode 0600
  std::string authority;    // signs for every peer of the cluster
};

struct LogSection {
  std::string level = "warning";  // trace, debug, info, warning, error, off
  std::string format = "text";    // of the lines: text, json
  std::uint64_t file_bytes_max = std::uint64_t{64} << 20;  // of a controller's log file
  bool progress = true;               // on a terminal or not; --quiet turns it off
  std::string trace_out;              // trace of the run for ui.perfetto.dev; empty: none
  std::uint64_t trace_spans = 65536;  // kept by each rank for it, 64 bytes each; the last ones
};

struct RunConfig {
  ModelSection model;
  DeviceSection device;
  ClusterSection cluster;
  RoutingSection routing;
  EngineSection engine;
  SamplingSection sampling;
  TlsSection tls;
  LogSection log;
};

}  // namespace switchyard::config
