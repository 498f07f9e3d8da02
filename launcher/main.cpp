// launcher/main.cpp -- the entry: argv and environment in, an exit code out.
#include "launcher/command_line.h"
#include "launcher/gpu_environment.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared

int main(int argc, char** argv) {
  switchyard::launcher::prepare_gpu_environment();
  return switchyard::launcher::run_command_line(argc, argv, environ);
}
