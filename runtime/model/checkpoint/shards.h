// runtime/model/checkpoint/shards.h -- the safetensors files of a directory as one set of tensors.
// model.safetensors where there is one, otherwise the files of model.safetensors.index.json. All
// headers are checked at open; no tensor data is touched.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/model/checkpoint/mapped_file.h"
#include "runtime/model/checkpoint/problem_list.h"
#include "runtime/model/checkpoint/safetensors.h"

namespace switchyard::model {

struct Shard {
  MappedFile file;
  TensorDirectory directory;
};

// A tensor and the shard that holds it.
struct ShardTensor {
  std::size_t shard = 0;
  const TensorEntry* entry = nullptr;
};

class ShardSet {
 public:
  // Opens what can be opened; everything wrong is added to `problems`: kNotFound without weights or
  // with a missing shard, kBadInput for a broken index or header, a listed tensor that its shard
  // lacks.
  [[nodiscard]] static ShardSet open(const std::string& directory, ProblemList& problems);

  [[nodiscard]] const std::vector<Shard>& shards() const noexcept { return shards_; }
  // entry == nullptr where there is none of this name.
  [[nodiscard]] ShardTensor find(const std::string& name) const;
  // Some shard could not be read, or lacks tensors: a missing tensor may have been reported
  // already.
  [[nodiscard]] bool was_reported(const std::string& name) const;
  // Of the files' sizes, of all headers, and of a few values of some hundred tensors: fine-tuned
  // weights have the headers of those that they began as. Reads a page for each such tensor.
  [[nodiscard]] std::uint64_t fingerprint() const;

 private:
  void open_single(const std::string& path, ProblemList& problems);
  void open_indexed(const std::string& directory, const std::string& index_path,
                    ProblemList& problems);

  std::vector<Shard> shards_;
  std::unordered_map<std::string, std::size_t> shard_of_;  // tensor -> index in shards_
  std::unordered_map<std::string, std::string> lost_;      // tensor -> file that could not give it
  bool unreadable_ = false;                                // no list of tensors could be had at all
};

// The weight_map of an index: tensor -> file name, each name checked to be a plain file name that
// ends in ".safetensors" (no folders, nothing hidden). Errors: kBadInput, kLimit naming place and
// key.
[[nodiscard]] Result<std::unordered_map<std::string, std::string>> parse_shard_index(
    std::string_view json, std::string_view place);

}  // namespace switchyard::model
