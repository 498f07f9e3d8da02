#include "launcher/config_flags.h"

#include <array>
#include <filesystem>

namespace switchyard::launcher {
namespace {

struct KeyFlag {
  const char* flag;
  const char* key;
  const char* help;
  const char* group;
};

constexpr std::array kValueFlags{
    KeyFlag{"--model", "model.path", "checkpoint directory (Hugging Face layout)", "Model"},
    KeyFlag{"--device", "device.name", "cpu or cuda", "Model"},
    KeyFlag{"--precision", "device.precision", "bf16 or fp32", "Model"},
    KeyFlag{"--isa", "device.isa", "kernel set: auto, avx512-bf16, avx512, avx2, ref", "Model"},
    KeyFlag{"--cuda-gemm", "device.cuda_gemm",
            "on a GPU: invariant, or cublas for products of many rows; gives up equal bits over "
            "batches",
            "Model"},
    KeyFlag{
        "--routing", "routing.spec",
        "routing policy, e.g. topk:k=2 or top-p:theta=0.6,k_min=1,k_max=6; all: switchyard routing",
        "Routing"},
    KeyFlag{"--calibration", "routing.calibration", "file written by `calibrate`", "Routing"},
    KeyFlag{"--threads", "device.threads", "threads per rank; 0: its share of the cores",
            "Cluster"},
    KeyFlag{"--ranks", "cluster.ranks", "ranks as threads of this process (without mpirun)",
            "Cluster"},
    KeyFlag{"--routers", "cluster.routers", "ranks 0..R-1 hold sequences", "Cluster"},
    KeyFlag{"--transport", "cluster.transport", "auto, local or mpi", "Cluster"},
    KeyFlag{"--exchange", "cluster.exchange", "rows between GPUs: auto, host or nccl", "Cluster"},
    KeyFlag{"--placement", "cluster.placement",
            "contiguous, round-robin, balanced, eplb or file:PLAN", "Cluster"},
    KeyFlag{"--replicas", "cluster.replicas", "copies of every expert, on distinct ranks",
            "Cluster"},
    KeyFlag{"--spares", "cluster.spares", "launched ranks that wait to take a dead one's place",
            "Cluster"},
    KeyFlag{"--spawns", "cluster.spawns",
            "processes to start in place of dead ones when no spare is left", "Cluster"},
    KeyFlag{"--loss", "cluster.loss", "when an expert's last copy dies: reload, mask or fail",
            "Cluster"},
    KeyFlag{"--regions", "cluster.regions", "of launched ranks, e.g. 0-1=eu-west/a,2-3=us-east",
            "Cluster"},
    KeyFlag{"--residency", "cluster.residency",
            "where rows of a regime may go, e.g. eu/gdpr=eu-west+eu-north", "Cluster"},
    KeyFlag{"--autoscale", "cluster.autoscale", "launched expert ranks: off, advisory or active",
            "Cluster"},
    KeyFlag{"--rebalance", "cluster.rebalance", "launched experts by load: off, advisory or active",
            "Cluster"},
    KeyFlag{"--replica-choice", "cluster.replica_choice",
            "local-first, nearest, round-robin, weighted", "Cluster"},
    KeyFlag{"--link-costs", "cluster.link_costs", "between regions, e.g. eu-west:us-east=80",
            "Cluster"},
    KeyFlag{"--wire", "cluster.wire", "expert answers as auto (the precision), bf16 or fp32",
            "Cluster"},
    KeyFlag{"--micro-batches", "cluster.micro_batches", "per step; 0: automatic", "Cluster"},
    KeyFlag{"--sequences", "engine.sequences_max", "sequences in one step, per router", "Engine"},
    KeyFlag{"--chunk", "engine.chunk_tokens", "longest piece of a prompt in one step", "Engine"},
    KeyFlag{"--context", "engine.context", "positions per sequence; 0: the model's", "Engine"},
    KeyFlag{"--kv-mib", "engine.kv_mib", "limit of the KV cache; 0: automatic", "Engine"},
    KeyFlag{"--max-tokens", "sampling.max_tokens", "tokens to generate per prompt; 0: none",
            "Sampling"},
    KeyFlag{"--temperature", "sampling.temperature", "0: greedy", "Sampling"},
    KeyFlag{"--top-k", "sampling.top_k", "0: off", "Sampling"},
    KeyFlag{"--top-p", "sampling.top_p", "1: off", "Sampling"},
    KeyFlag{"--seed", "sampling.seed", "of the sampling and of random policies", "Sampling"},
    KeyFlag{"--tls-cert", "tls.certificate", "certificate for TLS between the cluster's processes",
            "Security"},
    KeyFlag{"--tls-key", "tls.key", "its private key, mode 0600", "Security"},
    KeyFlag{"--tls-ca", "tls.authority", "certificates that sign for every peer", "Security"},
    KeyFlag{"--trace-out", "log.trace_out", "write a trace of the run for ui.perfetto.dev",
            "Output"},
    KeyFlag{"--log-level", "log.level", "trace, debug, info, warning, error, off", "Output"},
    KeyFlag{"--log-format", "log.format", "text or json: one object a line", "Output"},
};

struct SwitchFlag {
  const char* flag;
  const char* key;
  const char* value;
  const char* help;
  const char* group;
};

constexpr std::array kSwitchFlags{
    SwitchFlag{"--colocate", "cluster.colocate", "true", "router ranks hold experts too",
               "Cluster"},
    SwitchFlag{"--every-region", "cluster.every_region", "true",
               "a copy of every expert in each region of a launched cluster", "Cluster"},
    SwitchFlag{"--ignore-eos", "sampling.ignore_eos", "true", "do not stop at the end token",
               "Sampling"},
    SwitchFlag{"--quiet", "log.progress", "false", "no progress on stderr", "Output"},
};

}  // namespace

void ConfigFlags::add_to(CLI::App& app) {
  app.add_option("--preset", preset_, "named settings: demo, inference, training, ...")
      ->group("Configuration");
  app.add_option("--config", file_, "YAML file of settings")->group("Configuration");
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [this](const std::vector<std::string>& texts) {
           sets_.insert(sets_.end(), texts.begin(), texts.end());
         },
         "any setting: section.key=value (see `switchyard config`)")
      ->allow_extra_args(false)  // what follows may be a command
      ->group("Configuration");
  for (const auto& flag : kValueFlags) {
    app.add_option_function<std::string>(
           flag.flag,
           [this, flag](const std::string& text) {
             settings_.push_back({flag.key, text, flag.flag});
           },
           flag.help)
        ->take_last()
        ->group(flag.group);
  }
  for (const auto& flag : kSwitchFlags) {
    app.add_flag_callback(
           flag.flag,
           [this, flag] {
             settings_.push_back({flag.key, flag.value, flag.flag});
           },
           flag.help)
        ->group(flag.group);
  }
}

Result<config::EffectiveConfig> ConfigFlags::resolve(
    const std::map<std::string, std::string>& environment) const {
  config::ConfigRequest request;
  request.preset_dirs = preset_dirs();
  request.preset = preset_;
  request.file = file_;
  request.environment = environment;
  request.flags = settings_;
  for (const auto& text : sets_) {
    SY_ASSIGN(auto setting, config::parse_set_flag(text));
    request.flags.push_back(std::move(setting));
  }
  return config::load_config(request);
}

std::vector<std::filesystem::path> preset_dirs() {
  std::vector<std::filesystem::path> dirs{SWITCHYARD_CONFIG_DIR};
  std::error_code error;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    dirs.push_back(binary.parent_path().parent_path() / "share" / "switchyard" / "configs");
  }
  return dirs;
}

}  // namespace switchyard::launcher
