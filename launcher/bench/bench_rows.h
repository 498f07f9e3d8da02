// launcher/bench/bench_rows.h -- one measured figure and its limit; printing for people (a table)
// and for tools (JSON Lines). Thread safety: distinct objects: safe.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace switchyard::launcher {

// Times of the repeats of one thing, microseconds.
struct Sample {
  double us_min = 0;
  double us_p50 = 0;
  double us_p99 = 0;
  double us_mad = 0;  // median absolute deviation
  std::size_t count = 0;
};
[[nodiscard]] Sample summarise(std::vector<double> times_us);

struct BenchRow {
  std::string name;  // area/op/dtype/shape
  Sample sample;
  double achieved = 0;          // in `unit`, from the median
  std::string unit;             // "GFLOP/s", "GB/s", "tokens/s", "us"
  double gbs_as_published = 0;  // by the count of figures to compare with; 0: none; for tools only
  double ceiling = 0;           // the same unit; 0: none
  std::string limit;            // what the ceiling is: "bf16 peak", "read bandwidth", ...
};

class BenchRows {
 public:
  enum class Format { kText, kJsonLines };
  explicit BenchRows(Format format) : format_(format) {}

  // The first line: version, processor, threads, ceilings.
  void print_header(const nlohmann::json& facts);
  void add(const BenchRow& row);

 private:
  Format format_;
  bool titled_ = false;
};

}  // namespace switchyard::launcher
