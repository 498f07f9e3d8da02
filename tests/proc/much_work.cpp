#include "tests/proc/much_work.h"

#include <nlohmann/json.hpp>

namespace switchyard::tests {

Arguments much_work(const ScratchFolder& scratch, double at_s) {
  std::string lines;
  for (int i = 0; i < 16; ++i) {
    nlohmann::json prompt = {{"id", std::to_string(i)}, {"tokens", {1 + i, 2, 3}}};
    if (at_s > 0) prompt["at_ms"] = 1000 * at_s;
    lines += prompt.dump() + "\n";
  }
  Arguments arguments = {
      "generate",  "--preset",     "inference",    "--json",
      "--quiet",   "--ignore-eos", "--prompts",    scratch.write("work.jsonl", lines),
      "--context", "1024",         "--max-tokens", "900"};
  for (const char* size : {"hidden=256", "layers=4", "heads=4", "kv_heads=2", "head_size=64",
                           "vocab=1000", "expert_inner=1024"}) {
    arguments.insert(arguments.end(), {"--set", std::string("model.") + size});
  }
  return arguments;
}

}  // namespace switchyard::tests
