#include "runtime/model/checkpoint/shards.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "runtime/model/checkpoint/json_fields.h"
#include "runtime/model/fingerprint.h"

namespace switchyard::model {
namespace {

constexpr std::size_t kIndexBytesMax = std::size_t{256} << 20;
constexpr std::size_t kShardsMax = 10'000;
constexpr std::size_t kSampledTensors = 512;
constexpr std::size_t kSampleBytes = 64;
constexpr std::string_view kSuffix = ".safetensors";

// Names come from a downloaded file: they must not lead out of the directory.
bool is_plain_shard_name(const std::string& name) {
  if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix) || name.front() == '.')
    return false;
  for (const char c : name) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
  }
  return true;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<Shard> open_shard(const std::string& path) {
  SY_ASSIGN(MappedFile file, MappedFile::open(path));
  SY_ASSIGN(TensorDirectory directory,
            parse_safetensors_header(file.bytes(), file.bytes().size(), path));
  return Shard{std::move(file), std::move(directory)};
}

Problem missing_from_shard(const std::string& path, const std::string& tensor) {
  return fail(ErrorCode::kNotFound,
              "{}: tensor {}: listed in the index for this file, but not in it", path,
              quote_name(tensor))
      .value();
}

}  // namespace

Result<std::unordered_map<std::string, std::string>> parse_shard_index(std::string_view json,
                                                                       std::string_view place) {
  SY_ASSIGN(const nlohmann::json root, parse_json_object(json, place, {kIndexBytesMax, 8}));
  const JsonFields fields(root, std::string(place));
  const nlohmann::json* map = fields.find("weight_map");
  if (map == nullptr) return fields.problem(ErrorCode::kBadInput, "weight_map", "missing");
  if (!map->is_object() || map->empty()) {
    return fields.problem(ErrorCode::kBadInput, "weight_map",
                          "expected an object {tensor: file} that is not empty");
  }
  std::unordered_map<std::string, std::string> files;
  files.reserve(map->size());
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) {
      return fail(ErrorCode::kBadInput, "{}: weight_map: {}: expected a file name, got {}", place,
                  quote_name(tensor), file.type_name());
    }
    const auto& name = file.get_ref<const std::string&>();
    if (!is_plain_shard_name(name)) {
      return fail(ErrorCode::kBadInput,
                  "{}: weight_map: {}: {} is not a plain file name ending in .safetensors", place,
                  quote_name(tensor), quote_name(name));
    }
    files.emplace(tensor, name);
  }
  return files;
}

ShardSet ShardSet::open(const std::string& directory, ProblemList& problems) {
  ShardSet set;
  const std::string single = directory + "/model.safetensors";
  const std::string index = single + ".index.json";
  if (exists(single)) {
    set.open_single(single, problems);
  } else if (exists(index)) {
    set.open_indexed(directory, index, problems);
  } else {
    set.unreadable_ = true;
    problems.add(fail(ErrorCode::kNotFound,
                      "{}: neither model.safetensors nor model.safetensors.index.json", directory)
                     .value());
  }
  return set;
}

void ShardSet::open_single(const std::string& path, ProblemList& problems) {
  auto shard = open_shard(path);
  if (!shard) {
    unreadable_ = true;
    problems.add(shard.error());
    return;
  }
  for (const TensorEntry& tensor : shard->directory.tensors()) shard_of_.emplace(tensor.name, 0);
  shards_.push_back(std::move(*shard));
}

void ShardSet::open_indexed(const std::string& directory, const std::string& index_path,
                            ProblemList& problems) {
  const auto read_index = [&]() -> Result<std::unordered_map<std::string, std::string>> {
    SY_ASSIGN(const std::string text, read_small_file(index_path, kIndexBytesMax));
    return parse_shard_index(text, index_path);
  };
  const auto index = read_index();
  if (!index) {
    unreadable_ = true;
    problems.add(index.error());
    return;
  }
  std::map<std::string, std::vector<std::string>> tensors_of;  // ordered: same messages every time
  for (const auto& [tensor, file] : *index) tensors_of[file].push_back(tensor);
  if (tensors_of.size() > kShardsMax) {
    unreadable_ = true;
    problems.add(fail(ErrorCode::kLimit, "{}: weight_map: {} files; at most {} are opened",
                      index_path, tensors_of.size(), kShardsMax)
                     .value());
    return;
  }
  for (const auto& [file, tensors] : tensors_of) {
    const std::string path = directory + "/" + file;
    auto shard = open_shard(path);
    if (!shard) {
      problems.add(shard.error());
      for (const std::string& tensor : tensors) lost_.emplace(tensor, file);
      continue;
    }
    for (const std::string& tensor : tensors) {
      if (shard->directory.find(tensor) != nullptr) {
        shard_of_.emplace(tensor, shards_.size());
      } else {
        lost_.emplace(tensor, file);
        problems.add(missing_from_shard(path, tensor));
      }
    }
    shards_.push_back(std::move(*shard));
  }
}

ShardTensor ShardSet::find(const std::string& name) const {
  const auto found = shard_of_.find(name);
  if (found == shard_of_.end()) return {};
  return {found->second, shards_[found->second].directory.find(name)};
}

std::uint64_t ShardSet::fingerprint() const {
  std::size_t tensors = 0;
  for (const Shard& shard : shards_) tensors += shard.directory.tensors().size();
  const std::size_t stride = tensors / kSampledTensors + 1;
  std::string text;
  std::size_t number = 0;
  for (const auto& [file, directory] : shards_) {
    text += fmt::format("{} bytes\n", file.bytes().size());
    const bool whole = file.check_size().has_value();
    for (const TensorEntry& tensor : directory.tensors()) {
      text += fmt::format("{} {} {} {}\n", tensor.name, tensor.type->name, shape_text(tensor.shape),
                          tensor.begin_offset);
      if (number++ % stride != 0 || !whole) continue;
      const std::size_t bytes = std::min(tensor.bytes, kSampleBytes);
      const std::size_t begin = tensor.begin_offset + (tensor.bytes - bytes) / 2;
      text.append(reinterpret_cast<const char*>(file.bytes().data()) + begin, bytes);
    }
    file.release();
  }
  return model::fingerprint(text);
}

bool ShardSet::was_reported(const std::string& name) const {
  return unreadable_ || lost_.contains(name);
}

}  // namespace switchyard::model
