#include "launcher/bench/bench_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace switchyard::launcher {
namespace {

double quantile(const std::vector<double>& sorted, double q) {
  const auto at = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(at, 1, sorted.size()) - 1];
}

}  // namespace

Sample summarise(std::vector<double> times_us) {
  Sample sample;
  sample.count = times_us.size();
  if (times_us.empty()) return sample;
  std::sort(times_us.begin(), times_us.end());
  sample.us_min = times_us.front();
  sample.us_p50 = quantile(times_us, 0.5);
  sample.us_p99 = quantile(times_us, 0.99);
  for (auto& time : times_us) time = std::abs(time - sample.us_p50);
  std::sort(times_us.begin(), times_us.end());
  sample.us_mad = quantile(times_us, 0.5);
  return sample;
}

void BenchRows::print_header(const nlohmann::json& facts) {
  if (format_ == Format::kJsonLines) {
    std::printf("%s\n", nlohmann::json{{"header", facts}}.dump().c_str());
    return;
  }
  for (const auto& [key, value] : facts.items()) {
    std::printf("%-14s %s\n", key.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  std::printf("\n");
}

void BenchRows::add(const BenchRow& row) {
  if (format_ == Format::kJsonLines) {
    nlohmann::json line = {{"name", row.name},
                           {"count", row.sample.count},
                           {"us_min", row.sample.us_min},
                           {"us_p50", row.sample.us_p50},
                           {"us_p99", row.sample.us_p99},
                           {"us_mad", row.sample.us_mad},
                           {"achieved", row.achieved},
                           {"unit", row.unit}};
    if (row.gbs_as_published > 0) line["gbs_as_published"] = row.gbs_as_published;
    if (row.ceiling > 0) {
      line["ceiling"] = row.ceiling;
      line["limit"] = row.limit;
      line["share"] = row.achieved / row.ceiling;
      line["above_limit"] = row.achieved > row.ceiling;
    }
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
    return;
  }
  if (!titled_) {
    std::printf("%-44s %10s %10s %9s %12s %-9s %s\n", "name", "us p50", "us p99", "us MAD",
                "achieved", "unit", "of its limit");
    titled_ = true;
  }
  std::string share;
  if (row.ceiling > 0) {
    share = fmt::format("{:.0f} % of {}", 100 * row.achieved / row.ceiling, row.limit);
    if (row.achieved > row.ceiling) share += " (above it: caches, or a disturbed ceiling)";
  }
  std::printf("%-44s %10.1f %10.1f %9.1f %12.1f %-9s %s\n", row.name.c_str(), row.sample.us_p50,
              row.sample.us_p99, row.sample.us_mad, row.achieved, row.unit.c_str(), share.c_str());
  std::fflush(stdout);
}

}  // namespace switchyard::launcher
