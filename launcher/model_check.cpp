#include "launcher/model_check.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/job_inputs.h"
#include "launcher/mib.h"
#include "launcher/run_report.h"
#include "runtime/model/checkpoint/checkpoint.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kProblemsMax = 1000;

}  // namespace

ModelCheck check_model(const config::ModelSection& section) {
  ModelCheck check{model::check_checkpoint(section.path)};
  const auto tokenizer = open_tokenizer(section);
  if (!tokenizer) {
    check.tokenizer = TokenizerFile::kBroken;
    check.problems.push_back(tokenizer.error());
  } else if (*tokenizer != nullptr) {
    check.tokenizer = TokenizerFile::kUsable;
  }
  return check;
}

Result<ValuesCheck> read_values(model::WeightSource& source, ProgressLine& progress) {
  model::ProblemList problems(kProblemsMax);
  const std::size_t bytes_before = source.bytes_read();
  const auto show = [&](std::size_t done, std::size_t total) {
    progress.update("values: tensor {} of {}, {:.0f} MiB read", done, total,
                    mib(source.bytes_read() - bytes_before));
  };
  SY_TRY(model::check_values(source, problems, show));
  progress.clear();
  return ValuesCheck{problems.kept(), source.bytes_read() - bytes_before};
}

Unexpected refuse_model(const std::string& path, const std::vector<model::Problem>& problems,
                        ReportAs form) {
  if (form == ReportAs::kJson) {
    nlohmann::json document = {{"model", path}, {"problems", nlohmann::json::array()}};
    for (const auto& problem : problems) document["problems"].push_back(problem.message);
    std::printf("%s\n", document_text(document).c_str());
  } else {
    std::printf("%s: %zu problem(s)\n", path.c_str(), problems.size());
    for (const auto& problem : problems) std::printf("  %s\n", problem.message.c_str());
  }
  std::fflush(stdout);
  return fail(problems.front().code, "{}: the checkpoint cannot be used ({} problem(s))", path,
              problems.size());
}

}  // namespace switchyard::launcher
