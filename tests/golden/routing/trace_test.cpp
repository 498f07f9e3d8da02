// Selections on the recorded gate of the demo checkpoint, against the independent float64
// reference: its experts exactly, its weights within 1e-5.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "runtime/model/checkpoint/safetensors.h"
#include "runtime/routing/router.h"

namespace switchyard::routing {
namespace {

struct Golden {
  const char* checkpoint;
  const char* rule;  // its name in the trace
  const char* spec;
  std::size_t layers;
  std::size_t experts;
  std::size_t k_static;
  bool renormalise;
};

class Trace {
 public:
  explicit Trace(std::string_view checkpoint) {
    const auto path =
        fmt::format("{}/tests/golden/{}/trace.safetensors", SWITCHYARD_SOURCE_DIR, checkpoint);
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    auto parsed =
        model::parse_safetensors_header(std::as_bytes(std::span(bytes_)), bytes_.size(), path);
    if (parsed) {
      directory_ = std::make_unique<model::TensorDirectory>(std::move(parsed).value());
    } else {
      ADD_FAILURE() << parsed.error().message;
    }
  }

  [[nodiscard]] std::vector<std::size_t> shape(const std::string& name) const {
    return entry(name).shape;
  }

  // The elements of a tensor of 4-byte type T.
  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& name) const {
    const auto& tensor = entry(name);
    std::vector<T> out(tensor.bytes / sizeof(T));
    std::memcpy(out.data(), bytes_.data() + tensor.begin_offset, tensor.bytes);
    return out;
  }

 private:
  [[nodiscard]] const model::TensorEntry& entry(const std::string& name) const {
    SY_CHECK(directory_ != nullptr, "no trace");
    const auto* found = directory_->find(name);
    SY_CHECK(found != nullptr, "{}", name);
    return *found;
  }

  std::vector<char> bytes_;
  std::unique_ptr<model::TensorDirectory> directory_;
};

class GoldenTrace : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenTrace, IsSelectedAsTheReferenceDoes) {
  const Golden& golden = GetParam();
  RouterConvention model;
  model.layers = golden.layers;
  model.experts = golden.experts;
  model.k_static = golden.k_static;
  model.renormalise = golden.renormalise;
  const auto router = make_router(golden.spec, model, {}).value();
  const Trace trace(golden.checkpoint);
  for (std::size_t layer = 0; layer < golden.layers; ++layer) {
    SCOPED_TRACE(fmt::format("layer {}", layer));
    const std::string place = fmt::format("{}.layer{}.", golden.rule, layer);
    const auto logits = trace.read<float>(place + "router_logits");
    const auto k = trace.read<std::int32_t>(place + "k");
    const auto ids = trace.read<std::int32_t>(place + "topk_ids");
    const auto weights = trace.read<float>(place + "topk_weights");
    const std::size_t width = trace.shape(place + "topk_ids").at(1);
    const std::size_t tokens = logits.size() / golden.experts;
    ASSERT_GT(tokens, 0U);
    Selections out;
    router->route(layer, MatrixView<const float>(logits.data(), tokens, golden.experts), {}, out);
    for (std::size_t t = 0; t < tokens; ++t) {
      ASSERT_EQ(out.k(t), static_cast<std::uint32_t>(k[t])) << "token " << t;
      for (std::uint32_t slot = 0; slot < out.k(t); ++slot) {
        const std::uint32_t s = out.slot_begin[t] + slot;
        EXPECT_EQ(out.experts[s].value(), static_cast<std::uint32_t>(ids[t * width + slot]));
        EXPECT_NEAR(out.weights[s], weights[t * width + slot], 1e-5F);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Checkpoints, GoldenTrace,
    ::testing::Values(
        Golden{"tiny-qwen3moe", "k4", "topk", 5, 16, 4, true},
        Golden{"tiny-qwen3moe", "dynamic", "top-p:theta=0.7,k_min=1,k_max=6", 5, 16, 4, true},
        Golden{"tiny-olmoe", "static", "topk:k=3", 3, 8, 3, false},
        Golden{"tiny-olmoe", "dynamic", "relative:t=0.25,k_min=1,k_max=4", 3, 8, 3, false},
        Golden{"tiny-mixtral", "static", "topk:k=2", 2, 8, 2, true},
        Golden{"tiny-mixtral", "dynamic", "top-p:theta=0.6,k_min=1,k_max=4", 2, 8, 2, true}),
    [](const auto& given) {
      std::string name = fmt::format("{}_{}", given.param.checkpoint, given.param.rule);
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace switchyard::routing
