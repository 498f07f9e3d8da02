// kernels/cpu/panel_loop.h -- one matmul over many matrices at once: cuts groups (rows x matrix)
// into items of one panel and a block of rows, and runs them on the pool. The cut never changes
// results. Thread safety: shared objects: unsafe. Allocates only while its list of items still
// grows.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/packed_weights.h"
#include "kernels/ops/gemm.h"
#include "kernels/thread_pool.h"

namespace switchyard::kernels::cpu {

// `rows` rows of x times a matrix; row r is x.index[r] (or r). y.base: column 0 of the output.
struct PanelGroup {
  const Panels* panels = nullptr;
  std::size_t rows = 0;
  ConstRowTable x;
  RowTable y;
};

class PanelLoop {
 public:
  explicit PanelLoop(ThreadPool& pool) : pool_(pool) {}

  // First clear(), then add() each group, then run().
  void clear() {
    groups_.clear();
    weight_bytes_ = 0;
    row_panels_ = 0;
  }
  void add(const PanelGroup& group);
  void run(const GemmKernel& kernel, Epilogue epilogue);
  void reserve(std::size_t groups);

 private:
  struct Item {
    std::uint32_t group = 0;
    std::uint32_t panel = 0;
    std::uint32_t row_begin = 0;
    std::uint32_t row_count = 0;
  };

  void list_items(const GemmKernel& kernel);
  [[nodiscard]] std::size_t block_rows(const GemmKernel& kernel) const;
  [[nodiscard]] PanelTask task_of(const Item& item, Epilogue epilogue) const;

  ThreadPool& pool_;
  std::vector<PanelGroup> groups_;
  std::vector<Item> items_;
  std::size_t weight_bytes_ = 0;
  std::size_t row_panels_ = 0;  // sum over groups of rows * panels
};

}  // namespace switchyard::kernels::cpu
