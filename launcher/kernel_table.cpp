#include "launcher/kernel_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace switchyard::launcher {

std::string kernel_table(std::span<const kernels::KernelChoice> choices) {
  constexpr std::string_view kOp = "op";
  constexpr std::string_view kCandidate = "candidate";
  std::size_t op = kOp.size();
  std::size_t candidate = kCandidate.size();
  for (const auto& choice : choices) {
    op = std::max(op, choice.op.size());
    candidate = std::max(candidate, choice.candidate.size());
  }
  auto text = fmt::format("{:{}} {}\n", kOp, op, kCandidate);
  for (const auto& choice : choices) {
    const std::string_view state = choice.chosen           ? "chosen"
                                   : choice.reason.empty() ? "not needed"
                                                           : std::string_view(choice.reason);
    text += fmt::format("{:{}} {:{}} {}\n", choice.op, op, choice.candidate, candidate, state);
  }
  return text;
}

std::string transport_table(std::span<const comm::TransportEntry> entries) {
  constexpr std::string_view kTransport = "transport";
  std::size_t name = kTransport.size();
  for (const auto& entry : entries) name = std::max(name, entry.name.size());
  auto text = fmt::format("{}\n", kTransport);
  for (const auto& entry : entries) {
    const bool there = entry.availability == comm::Availability::kAvailable;
    text += fmt::format("{:{}} {}{}\n", entry.name, name, there ? "" : "left out: ", entry.text);
  }
  return text;
}

}  // namespace switchyard::launcher
