// launcher/result_output.h -- how a result leaves on stdout: as ever, or, after a stop under
// mpirun, without waiting for a reader. Open MPI's mpirun reads nothing from its ranks between the
// signal and their end: what is more than the terminal's or the pipe's buffer would be waited for
// until SIGKILL, and be lost. Not the reports' words (run_report.h) and not --out (prompts.h).
// Thread safety: functions that write to the process's stdout and stderr.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::launcher {

// Writes to `fd` as long as somebody takes it: until the end, an error, or `patience` without a
// byte. Returns the bytes that were taken. Blocks: `patience` at most for each piece.
[[nodiscard]] std::size_t offer(int fd, std::string_view text, Duration patience);

// All of the text on stdout. Blocks: as long as the reader does. Errors show at the command's end.
void put_on_stdout(std::string_view text);

// The same after a stop under mpirun: what stdout does not take within a moment goes, whole, to
// switchyard-PID`extension` in the working directory, and stderr says so. Errors: kIo.
[[nodiscard]] Result<void> put_on_unread_stdout(std::string_view text, std::string_view extension);

}  // namespace switchyard::launcher
