// launcher/usage_error.h -- what is wrong with a command line, in a line that says what to do.
// Not the rules of a command: those are CLI11's, which found the fault; this finds the words.
// Thread safety: a function without state.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace switchyard::launcher {

// `app` has parsed its arguments with this error: an unknown command or option with the nearest
// that there is, and where the help on it stands.
[[nodiscard]] std::string usage_text(const CLI::App& app, const CLI::ParseError& error);

}  // namespace switchyard::launcher
