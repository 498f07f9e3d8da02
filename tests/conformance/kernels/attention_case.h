// tests/conformance/kernels/attention_case.h -- sequences with given q, k, v, a paged cache for
// them, an oracle in double precision, and a way to run any rows of them through a device.
#pragma once

#include <map>

#include "tests/conformance/kernels/kernel_fixture.h"

namespace switchyard::kernels::test {

struct AttentionShape {
  std::size_t heads = 4;
  std::size_t kv_heads = 2;
  std::size_t head_size = 32;
  QkNorm norm = QkNorm::kPerHead;
  float clip = 0;
  std::size_t tokens = 100;  // per sequence
  std::size_t sequences = 1;
};

// Rows begin .. begin + count - 1 of a sequence.
struct AttentionRun {
  std::size_t sequence = 0;
  std::size_t begin = 0;
  std::size_t count = 0;
};

class AttentionCase {
 public:
  AttentionCase(const AttentionShape& shape, DType operand);

  [[nodiscard]] std::unique_ptr<KvCache> make_cache(Device& device) const;
  // One step: the runs in order. The output rows, as bits, by (sequence, position).
  using Outputs = std::map<std::pair<std::size_t, std::size_t>, std::vector<std::byte>>;
  void run(Device& device, KvCache& cache, const std::vector<AttentionRun>& runs,
           Outputs& outputs) const;
  // All elements of all outputs against the oracle.
  void expect_oracle(const Outputs& outputs, double tolerance) const;

  // The same pages in another order.
  void use_pages_backwards() { backwards_ = true; }

 private:
  [[nodiscard]] std::size_t pages_per_sequence() const { return (shape_.tokens + 63) / 64; }
  [[nodiscard]] std::size_t row_of(std::size_t sequence, std::size_t position) const {
    return sequence * shape_.tokens + position;
  }
  [[nodiscard]] std::vector<std::uint32_t> pages_of(std::size_t sequence) const;
  [[nodiscard]] AttentionParams params() const;
  // A prepared head in double, rounded to the operand type.
  [[nodiscard]] std::vector<double> prepared(const Values& values, std::size_t row,
                                             std::size_t head, std::size_t heads,
                                             const Values& gain) const;
  [[nodiscard]] std::vector<double> oracle(std::size_t sequence, std::size_t position,
                                           std::size_t head) const;

  AttentionShape shape_;
  DType operand_;
  bool backwards_ = false;
  Values q_, k_, v_;  // [sequences * tokens, heads * h]
  Values q_gain_, k_gain_, cos_, sin_;
};

}  // namespace switchyard::kernels::test
