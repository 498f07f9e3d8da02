// launcher/main.cpp -- the entry: argv and environment in, an exit code out.
#include "launcher/command_line.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared

int main(int argc, char** argv) {
  return switchyard::launcher::run_command_line(argc, argv, environ);
}
