#include "tests/proc/ruled_prompts.h"

#include <sstream>

namespace switchyard::tests {

std::string with_regime(const ScratchFolder& scratch, const std::string& prompts,
                        const std::string& regime, Ruled which) {
  const auto colon = regime.find(':');
  std::istringstream in(read_file(prompts));
  std::string out;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line); ++number) {
    auto prompt = nlohmann::json::parse(line);
    if (which == Ruled::kAll || number % 2 == 0) {
      prompt["regime"] = colon == std::string::npos ? regime : regime.substr(colon + 1);
      if (colon != std::string::npos) prompt["origin"] = regime.substr(0, colon);
    }
    out += prompt.dump() + "\n";
  }
  return scratch.write("ruled.jsonl", out);
}

nlohmann::json rows_by_ends(const nlohmann::json& cells, const std::string& rows) {
  auto out = nlohmann::json::object();
  for (const auto& cell : cells) {
    out[cell["origin"].get<std::string>() + ">" + cell["region"].get<std::string>()] = cell[rows];
  }
  return out;
}

std::uint64_t restricted_rows_to(const nlohmann::json& document,
                                 const std::vector<std::size_t>& ranks) {
  std::uint64_t rows = 0;
  for (const auto& rank : document["report"]["ranks"]) {
    for (const std::size_t to : ranks) {
      rows += rank["restricted_rows_sent"].at(to).get<std::uint64_t>();
    }
  }
  return rows;
}

}  // namespace switchyard::tests
