#include "tests/unit/net/metrics_lint.h"

#include <algorithm>
#include <array>
#include <regex>
#include <sstream>

namespace switchyard::tests {
namespace {

struct Reader {
  std::map<std::string, MetricFamily> families;
  std::map<std::string, std::map<std::string, std::set<std::string>>> values;  // name, label
  std::set<std::string> series;
  std::vector<std::string> problems;

  void complain(const std::string& what) { problems.push_back(what); }

  void head(const std::smatch& match) {
    MetricFamily& family = families[match[2]];
    std::string& field = match[1] == "HELP" ? family.help : family.type;
    if (!field.empty()) complain(match[1].str() + " twice: " + match[2].str());
    if (family.series > 0) complain(match[1].str() + " after a sample: " + match[2].str());
    field = match[3];
  }

  void sample(const std::smatch& match) {
    const std::string name = match[1];
    MetricFamily& family = families[name];
    if (family.help.empty() || family.type.empty()) complain("no HELP or TYPE: " + name);
    ++family.series;
    if (!series.insert(name + match[2].str()).second) complain("twice: " + name + match[2].str());
    const std::string labels = match[2];
    static const std::regex kLabel(R"re(([a-z_]+)="((?:[^"\\]|\\.)*)")re");
    for (std::sregex_iterator it(labels.begin(), labels.end(), kLabel), end; it != end; ++it) {
      family.labels.insert((*it)[1]);
      values[name][(*it)[1]].insert((*it)[2]);
    }
  }

  void read(const std::string& text) {
    static const std::regex kHead(R"(# (HELP|TYPE) ([A-Za-z0-9_:]+) (.+))");
    static const std::regex kSample(R"(([A-Za-z0-9_:]+)(\{.*\})? ([-+0-9.eE]+|NaN|\+Inf|-Inf))");
    std::istringstream lines(text);
    std::string line;
    std::smatch match;
    while (std::getline(lines, line)) {
      if (line.empty()) continue;
      if (std::regex_match(line, match, kHead)) {
        head(match);
      } else if (std::regex_match(line, match, kSample)) {
        sample(match);
      } else {
        complain("not a line of the format: " + line);
      }
    }
  }
};

bool has_word(const std::string& name, const std::string& word) {
  return ("_" + name + "_").find("_" + word + "_") != std::string::npos;
}

void check_name(const std::string& name, const MetricFamily& family, Reader& reader) {
  static const std::regex kName("switchyard(_[a-z0-9]+)+");
  if (!std::regex_match(name, kName)) reader.complain("name: " + name);
  const bool counter = family.type == "counter";
  if (!counter && family.type != "gauge") reader.complain("type " + family.type + ": " + name);
  if (counter != name.ends_with("_total")) reader.complain("_total is for counters: " + name);
  for (const char* unit : {"ms", "us", "ns", "milliseconds", "microseconds", "minutes", "hours",
                           "kb", "mb", "mib", "kilobytes", "megabytes", "bits", "percent", "s"}) {
    if (has_word(name, unit)) reader.complain("no base unit: " + name);
  }
  for (const char* type : {"counter", "gauge", "histogram", "metric"}) {
    if (has_word(name, type)) reader.complain("a type in the name: " + name);
  }
  // A unit stands at the end, before _total alone.
  const std::string base = counter ? name.substr(0, name.rfind("_total")) : name;
  for (const char* unit : {"seconds", "bytes", "ratio"}) {
    if (has_word(name, unit) && !base.ends_with(std::string("_") + unit)) {
      reader.complain("the unit stands last: " + name);
    }
  }
  for (const auto& label : family.labels) {
    if (has_word(name, label) && label != "rank") {
      reader.complain("label " + label + " is in the name: " + name);
    }
  }
}

}  // namespace

std::map<std::string, MetricFamily> read_metrics(const std::string& text) {
  Reader reader;
  reader.read(text);
  return reader.families;
}

std::vector<std::string> metric_problems(const std::string& text, std::size_t label_values_max) {
  Reader reader;
  reader.read(text);
  for (const auto& [name, family] : reader.families) {
    check_name(name, family, reader);
    if (family.series == 0) reader.complain("no sample: " + name);
    for (const auto& [label, values] : reader.values[name]) {
      if (values.size() > label_values_max) {
        reader.complain(name + ": " + std::to_string(values.size()) + " values of " + label);
      }
    }
  }
  return reader.problems;
}

std::map<std::string, MetricFamily> documented_metrics(const std::string& markdown) {
  static const std::regex kRow(
      R"(\| `(switchyard_[a-z0-9_]+)` \| (counter|gauge) \| ([a-z, -]*) \| (.+) \|)");
  static const std::regex kWord("[a-z_]+");
  std::map<std::string, MetricFamily> found;
  std::istringstream lines(markdown);
  std::string line;
  std::smatch match;
  while (std::getline(lines, line)) {
    if (!std::regex_match(line, match, kRow)) continue;
    MetricFamily& family = found[match[1]];
    family.type = match[2];
    family.help = match[4];
    const std::string labels = match[3];
    for (std::sregex_iterator it(labels.begin(), labels.end(), kWord), end; it != end; ++it) {
      family.labels.insert(it->str());
    }
  }
  return found;
}

}  // namespace switchyard::tests
