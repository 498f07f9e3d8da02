// Replays a fuzz target without a fuzzer: every seed as it is, then seeded mutations of them. A
// crash or a failed check of the target ends the process; the seed and the round are printed
// before.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t kRounds = 2000;

using Input = std::vector<std::uint8_t>;

void run(const Input& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

// A few bytes overwritten, removed, repeated or cut off.
Input mutate(Input input, switchyard::Random& random) {
  for (std::uint64_t edits = 1 + random.next_below(4); edits > 0 && !input.empty(); --edits) {
    const auto at = static_cast<std::ptrdiff_t>(random.next_below(input.size()));
    switch (random.next_below(4)) {
      case 0: input[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random.next()); break;
      case 1: input.erase(input.begin() + at); break;
      case 2: input.insert(input.begin() + at, input[static_cast<std::size_t>(at)]); break;
      default: input.resize(static_cast<std::size_t>(at)); break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::set<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      paths.insert(entry.path());
  }
  if (paths.empty()) {
    std::fprintf(stderr, "no seeds: usage: fuzz_replay_NAME CORPUS_FOLDER\n");
    return 1;
  }
  std::vector<Input> seeds;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    run(seeds.back());
  }
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    switchyard::Random random(round);
    run(mutate(seeds[random.next_below(seeds.size())], random));
  }
  std::printf("%zu seeds and %llu mutations replayed\n", seeds.size(),
              static_cast<unsigned long long>(kRounds));
  return 0;
}
