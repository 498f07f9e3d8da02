// launcher/command_line.h -- parses argv, finds the command, resolves its configuration, runs it
// and turns the outcome into a message and an exit code. Thread: the main thread.
#pragma once

namespace switchyard::launcher {

[[nodiscard]] int run_command_line(int argc, char** argv, char** environment);

}  // namespace switchyard::launcher
