#include "runtime/model/checkpoint/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "runtime/model/checkpoint/json_fields.h"
#include "runtime/model/checkpoint/shards.h"
#include "runtime/model/families/family.h"
#include "runtime/model/generation_config.h"
#include "runtime/model/weight_rows.h"
#include "runtime/model/weight_shape.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {
namespace {

constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;
constexpr std::size_t kProblemsMax = 1000;

// Where the bytes of a weight lie.
struct WeightPlace {
  std::size_t shard = 0;
  std::size_t begin_offset = 0;  // from the start of the file
  DType dtype = DType::kBf16;
};

// role, layer and expert as one key; ModelConfig's limits keep them within their fields.
std::uint64_t key_of(const WeightId& id) {
  const std::uint64_t layer = is_layerless(id.role) ? 0 : id.layer;
  const std::uint64_t expert = is_expert(id.role) ? id.expert : 0;
  return static_cast<std::uint64_t>(id.role) << 56 | layer << 32 | expert;
}

class CheckpointWeights final : public WeightSource {
 public:
  // Views stay valid until this object is destroyed: they point into the mapped files.
  static std::unique_ptr<CheckpointWeights> open(const std::string& directory,
                                                 ProblemList& problems);

  [[nodiscard]] const ModelConfig& config() const noexcept override { return config_; }
  [[nodiscard]] Result<kernels::WeightView> get(const WeightId& id) override;
  [[nodiscard]] std::string place_of(const WeightId& id) const override;
  [[nodiscard]] std::uint64_t fingerprint() const override { return shards_.fingerprint(); }
  void release() noexcept override;
  [[nodiscard]] std::size_t bytes_read() const noexcept override { return bytes_read_; }

 private:
  CheckpointWeights(ModelConfig config, ShardSet shards)
      : config_(std::move(config)),
        shards_(std::move(shards)),
        touched_(shards_.shards().size(), false) {}
  void bind_all(const std::string& directory, ProblemList& problems);
  // The weight that is stored for the one that is asked for.
  [[nodiscard]] WeightId stored(const WeightId& id) const {
    const bool tied = id.role == WeightRole::kHead && config_.tied_embeddings;
    return tied ? WeightId{WeightRole::kEmbedding} : id;
  }
  // Where the weight lies, or nothing where its absence was reported with its shard already.
  [[nodiscard]] Result<std::optional<WeightPlace>> locate(const std::string& directory,
                                                          const Family& family,
                                                          const WeightId& id) const;
  [[nodiscard]] Result<WeightPlace> check(const TensorSlice& slice,
                                          const ShardTensor& tensor) const;

  ModelConfig config_;
  ShardSet shards_;
  std::unordered_map<std::uint64_t, WeightPlace> places_;
  std::vector<bool> touched_;  // [shards]: read since the last release
  std::size_t bytes_read_ = 0;
};

// config.json alone.
Result<ModelConfig> read_own_config(const std::string& directory) {
  const std::string path = directory + "/config.json";
  SY_ASSIGN(const std::string text, read_small_file(path, kConfigBytesMax));
  SY_ASSIGN(ModelConfig config, parse_model_config(text, path));
  if (auto valid = config.validate(); !valid) return with_place(valid.error(), directory);
  return config;
}

// Both files are read, whatever is wrong with the other. Nothing where config.json gives no model;
// end tokens that cannot be had are left out of one.
std::optional<ModelConfig> read_configs(const std::string& directory, ProblemList& problems) {
  const auto config = read_own_config(directory);
  const auto generation = read_generation_config(directory);
  if (!config) problems.add(config.error());
  if (!generation) problems.add(generation.error());
  if (!config) return std::nullopt;
  if (!generation) return *config;
  ModelConfig joined = *config;
  auto& eos = joined.eos_tokens;
  eos.insert(eos.end(), generation->eos_tokens.begin(), generation->eos_tokens.end());
  std::sort(eos.begin(), eos.end());
  eos.erase(std::unique(eos.begin(), eos.end()), eos.end());
  if (auto valid = joined.validate(); !valid) {
    problems.add(with_place(valid.error(), directory + "/generation_config.json").value());
    return *config;
  }
  return joined;
}

std::unique_ptr<CheckpointWeights> CheckpointWeights::open(const std::string& directory,
                                                           ProblemList& problems) {
  auto config = read_configs(directory, problems);
  std::error_code error;
  if (problems.full() || !std::filesystem::exists(directory, error)) return nullptr;
  ShardSet shards = ShardSet::open(directory, problems);
  if (!config) return nullptr;  // what the tensors should be is not known
  std::unique_ptr<CheckpointWeights> weights(
      new CheckpointWeights(std::move(*config), std::move(shards)));
  weights->bind_all(directory, problems);
  return weights;
}

void CheckpointWeights::bind_all(const std::string& directory, ProblemList& problems) {
  const Family* family = find_family(config_.family);
  SY_CHECK(family != nullptr, "family {}", config_.family);
  const std::vector<WeightId> ids = list_weights(config_);
  places_.reserve(ids.size());
  for (const WeightId& id : ids) {
    if (problems.full()) return;
    const auto place = locate(directory, *family, id);
    if (!place) {
      problems.add(place.error());
    } else if (place->has_value()) {
      places_.emplace(key_of(id), **place);
    }
  }
}

Result<std::optional<WeightPlace>> CheckpointWeights::locate(const std::string& directory,
                                                             const Family& family,
                                                             const WeightId& id) const {
  const std::vector<TensorSlice> candidates = family.locate(config_, id);
  SY_CHECK(!candidates.empty(), "{} has no name in {}", to_string(id), family.model_type);
  for (const TensorSlice& slice : candidates) {
    const ShardTensor tensor = shards_.find(slice.name);
    if (tensor.entry == nullptr) continue;
    SY_ASSIGN(const WeightPlace place, check(slice, tensor));
    return std::optional(place);
  }
  for (const TensorSlice& slice : candidates) {
    if (shards_.was_reported(slice.name)) return std::optional<WeightPlace>();
  }
  return fail(ErrorCode::kNotFound, "{}: tensor {}: missing ({})", directory,
              quote_name(candidates.front().name), to_string(id));
}

Result<WeightPlace> CheckpointWeights::check(const TensorSlice& slice,
                                             const ShardTensor& tensor) const {
  const std::string& path = shards_.shards()[tensor.shard].file.path();
  const auto dtype = compute_type(*tensor.entry->type);
  if (!dtype) {
    return fail(ErrorCode::kUnsupported, "{}: tensor {}: dtype {}; supported: F32, F16, BF16", path,
                quote_name(slice.name), tensor.entry->type->name);
  }
  if (tensor.entry->shape != slice.shape) {
    return fail(ErrorCode::kBadInput, "{}: tensor {}: shape {}, but config.json asks for {}", path,
                quote_name(slice.name), shape_text(tensor.entry->shape), shape_text(slice.shape));
  }
  return WeightPlace{tensor.shard,
                     tensor.entry->begin_offset + slice.begin_element * size_bytes(*dtype), *dtype};
}

Result<kernels::WeightView> CheckpointWeights::get(const WeightId& id) {
  const WeightId asked = stored(id);
  const auto found = has_weight(config_, asked) ? places_.find(key_of(asked)) : places_.end();
  if (found == places_.end()) {
    return fail(ErrorCode::kNotFound, "{}: this model has no such weight", to_string(id));
  }
  const WeightPlace& place = found->second;
  const MappedFile& file = shards_.shards()[place.shard].file;
  SY_TRY(file.check_size());
  const WeightShape shape = weight_shape(config_, asked.role);
  const std::size_t weight_bytes = shape.elements() * size_bytes(place.dtype);
  file.prefetch(place.begin_offset, weight_bytes);
  touched_[place.shard] = true;
  bytes_read_ += weight_bytes;
  return kernels::WeightView{file.bytes().data() + place.begin_offset, place.dtype, shape.out,
                             shape.in};
}

std::string CheckpointWeights::place_of(const WeightId& id) const {
  const WeightId asked = stored(id);
  const auto found = places_.find(key_of(asked));
  if (found == places_.end()) return {};
  for (const TensorSlice& slice : find_family(config_.family)->locate(config_, asked)) {
    const ShardTensor tensor = shards_.find(slice.name);
    if (tensor.entry == nullptr) continue;
    return fmt::format("{}: tensor {}", shards_.shards()[tensor.shard].file.path(),
                       quote_name(slice.name));
  }
  return {};
}

void CheckpointWeights::release() noexcept {
  for (std::size_t shard = 0; shard < touched_.size(); ++shard) {
    if (touched_[shard]) shards_.shards()[shard].file.release();
    touched_[shard] = false;
  }
}

}  // namespace

Result<ModelConfig> read_model_config(const std::string& directory) {
  ProblemList problems(1);
  auto config = read_configs(directory, problems);
  if (!problems.empty()) return Unexpected(problems.kept().front());
  return *std::move(config);
}

Result<void> check_values(WeightSource& source, ProblemList& problems,
                          const std::function<void(std::size_t, std::size_t)>& progress) {
  const std::vector<WeightId> ids = list_weights(source.config());
  for (std::size_t i = 0; i < ids.size() && !problems.full(); ++i) {
    progress(i, ids.size());
    SY_ASSIGN(const auto view, source.get(ids[i]));
    if (auto finite = check_finite(view); !finite) {
      problems.add(with_place(finite.error(), source.place_of(ids[i])).value());
    }
    source.release();
  }
  return {};
}

std::vector<Problem> check_checkpoint(const std::string& directory) {
  ProblemList problems(kProblemsMax);
  (void)CheckpointWeights::open(directory, problems);
  return problems.kept();
}

Result<std::unique_ptr<WeightSource>> open_checkpoint(const std::string& directory) {
  ProblemList problems(1);
  std::unique_ptr<WeightSource> weights = CheckpointWeights::open(directory, problems);
  if (!problems.empty()) return Unexpected(problems.kept().front());
  return weights;
}

}  // namespace switchyard::model
