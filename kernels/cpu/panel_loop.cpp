#include "kernels/cpu/panel_loop.h"

#include <algorithm>

#include "kernels/cpu/fork_limits.h"

namespace switchyard::kernels::cpu {
namespace {

// Rows of an item: enough that a panel's arrival from memory hides behind its arithmetic (about
// 12), few enough that the threads end together.
constexpr std::size_t kBlockRowsMax = 192;
constexpr std::size_t kItemsPerThreadMin = 6;

std::size_t output_bytes(Epilogue epilogue) {
  return epilogue == Epilogue::kSetBf16 || epilogue == Epilogue::kSwigluBf16 ? 2 : 4;
}

}  // namespace

void PanelLoop::add(const PanelGroup& group) {
  if (group.rows == 0) return;
  groups_.push_back(group);
  weight_bytes_ += group.panels->bytes();
  row_panels_ += group.rows * group.panels->count();
}

void PanelLoop::reserve(std::size_t groups) {
  groups_.reserve(groups);
  items_.reserve(std::size_t{1} << 14);
}

std::size_t PanelLoop::block_rows(const GemmKernel& kernel) const {
  const std::size_t items_wanted = pool_.size() * kItemsPerThreadMin;
  const std::size_t spread = row_panels_ / items_wanted / kernel.tile_rows * kernel.tile_rows;
  return std::clamp(spread, 2 * kernel.tile_rows, kBlockRowsMax);
}

// Panels outside, blocks of rows inside: a panel is read from memory once.
void PanelLoop::list_items(const GemmKernel& kernel) {
  items_.clear();
  const std::size_t block = block_rows(kernel);
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    const auto& group = groups_[g];
    const std::size_t blocks = (group.rows + block - 1) / block;
    for (std::uint32_t p = 0; p < group.panels->count(); ++p) {
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t begin = group.rows * b / blocks;
        const std::size_t end = group.rows * (b + 1) / blocks;
        items_.push_back(
            {g, p, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)});
      }
    }
  }
}

PanelTask PanelLoop::task_of(const Item& item, Epilogue epilogue) const {
  const auto& group = groups_[item.group];
  const auto& panels = *group.panels;
  PanelTask task;
  task.weight = panels.panel(item.panel);
  task.in = panels.in;
  task.width = panels.width(item.panel);
  task.columns = panels.columns_of(item.panel);
  task.rows = item.row_count;
  task.x = group.x;
  task.y = group.y;
  task.y.base += item.panel * panels.panel_columns * output_bytes(epilogue);
  if (task.x.index != nullptr) {
    task.x.index += item.row_begin;
  } else {
    task.x.base += item.row_begin * task.x.stride_bytes;
  }
  if (task.y.index != nullptr) {
    task.y.index += item.row_begin;
  } else {
    task.y.base += item.row_begin * task.y.stride_bytes;
  }
  task.epilogue = epilogue;
  return task;
}

void PanelLoop::run(const GemmKernel& kernel, Epilogue epilogue) {
  if (groups_.empty()) return;
  list_items(kernel);
  const auto body = [&](const LoopItem& loop) {
    const Item& item = items_[loop.index];
    PanelTask task = task_of(item, epilogue);
    task.stream = kernel.stream;
    if (loop.next != kNoItem) {
      const Item& next = items_[loop.next];
      if (next.group != item.group || next.panel != item.panel) {
        task.prefetch = groups_[next.group].panels->panel(next.panel);
      }
    }
    kernel.run(task);
  };
  std::size_t rows = 0;
  for (const auto& group : groups_) rows = std::max(rows, group.rows);
  if (weight_bytes_ * ((rows + kernel.tile_rows - 1) / kernel.tile_rows) < kForkStreamBytesMin) {
    ThreadPool::run_inline(items_.size(), body);
  } else {
    pool_.parallel_for(items_.size(), body);
  }
}

}  // namespace switchyard::kernels::cpu
