// runtime/engine/kv_pages.h -- who owns which page of the KV cache: a free list over a fixed pool.
// Not the keys and values (kernels/device.h). A sequence reserves all pages it can ever need when
// it is admitted, so that it never runs out half-way. Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/device.h"

namespace switchyard::engine {

class KvPages {
 public:
  explicit KvPages(std::size_t pages) {
    free_.reserve(pages);
    for (std::size_t page = pages; page > 0; --page) {
      free_.push_back(static_cast<std::uint32_t>(page - 1));
    }
  }

  [[nodiscard]] static std::size_t pages_for(std::size_t tokens) noexcept {
    return (tokens + kernels::kKvPageTokens - 1) / kernels::kKvPageTokens;
  }
  [[nodiscard]] std::size_t free_count() const noexcept { return free_.size(); }

  // `count` pages, or nothing at all when there are fewer.
  [[nodiscard]] std::optional<std::vector<std::uint32_t>> take(std::size_t count) {
    if (count > free_.size()) return std::nullopt;
    std::vector<std::uint32_t> pages(free_.end() - static_cast<std::ptrdiff_t>(count), free_.end());
    free_.resize(free_.size() - count);
    return pages;
  }
  void give_back(std::vector<std::uint32_t>& pages) {
    free_.insert(free_.end(), pages.begin(), pages.end());
    pages.clear();
  }

 private:
  std::vector<std::uint32_t> free_;
};

}  // namespace switchyard::engine
