// Measures detection, recovery and endurance of launched clusters over real processes; see modes.h.
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <map>

#include "tests/proc/bench/modes.h"

namespace switchyard::tests {
namespace {

constexpr const char* kUsage =
    "usage: recovery_bench [TRIALS] [LAUNCH FLAGS]           kill an expert rank\n"
    "       recovery_bench stops TRIALS [LAUNCH FLAGS]       stop one\n"
    "       recovery_bench throughput TRIALS [LAUNCH FLAGS]  before and after a death\n"
    "       recovery_bench soak MINUTES BUSY [LAUNCH FLAGS]  beside BUSY busy processes\n"
    "       recovery_bench campaign RUNS [SEED] [FOLDER]     every scene of the kill test\n"
    "       recovery_bench tides TRIALS                      a load that rises and falls\n"
    "       recovery_bench pauses TRIALS                     while experts move\n";

struct Words {
  std::vector<std::string> all;
  [[nodiscard]] std::string at(std::size_t i, const char* otherwise) const {
    return i < all.size() ? all[i] : otherwise;
  }
  [[nodiscard]] double number(std::size_t i, const char* otherwise) const {
    return std::atof(at(i, otherwise).c_str());
  }
  [[nodiscard]] int count(std::size_t i, const char* otherwise) const {
    return static_cast<int>(number(i, otherwise));
  }
  // The launch flags from the i-th word on.
  [[nodiscard]] Arguments launch(std::size_t i) const {
    if (i >= all.size()) return {"-n", "4"};
    return {all.begin() + static_cast<std::ptrdiff_t>(i), all.end()};
  }
};

int run(const Words& words) {
  const std::string mode = words.at(0, "30");
  const std::map<std::string, std::function<bool()>> modes = {
      {"stops", [&] { return measure_stops(words.count(1, "30"), words.launch(2)); }},
      {"throughput", [&] { return measure_throughput(words.count(1, "3"), words.launch(2)); }},
      {"soak", [&] { return soak(words.number(1, "10"), words.count(2, "8"), words.launch(3)); }},
      {"pauses", [&] { return measure_pauses(words.count(1, "5")); }},
      {"tides", [&] { return tides(words.count(1, "3")); }},
      {"campaign",
       [&] {
         return campaign(words.count(1, "100"), static_cast<unsigned>(words.count(2, "1000")),
                         words.at(3, ""));
       }},
  };
  if (const auto found = modes.find(mode); found != modes.end()) return found->second() ? 0 : 1;
  if (std::atoi(mode.c_str()) > 0) {
    return measure_deaths(std::atoi(mode.c_str()), words.launch(1)) ? 0 : 1;
  }
  fmt::print(stderr, "{}", kUsage);
  return 2;
}

}  // namespace
}  // namespace switchyard::tests

int main(int argc, char** argv) {
  return switchyard::tests::run({std::vector<std::string>(argv + 1, argv + argc)});
}
