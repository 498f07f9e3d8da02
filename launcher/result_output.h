// launcher/result_output.h -- how a result leaves on stdout: as ever, or, after a stop under
// mpirun, without waiting for a reader that is gone. Open MPI's mpirun reads nothing from its ranks
// between Ctrl-C or SIGTERM and their end: what is more than the terminal's or the pipe's buffer
// would be waited for until SIGKILL, and be lost. After SIGUSR1 it reads on.
// Not the reports' words (run_report.h) and not --out (prompts.h).
// Thread safety: functions that write to the process's stdout and stderr.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::launcher {

// Writes to `fd` as long as somebody takes it: until the end, an error, or `patience()` without a
// byte. That is asked again while nothing is taken, since a reader can go meanwhile. Returns the
// bytes that were taken. Blocks: `patience()` at most for each piece.
[[nodiscard]] std::size_t offer(int fd, std::string_view text,
                                const std::function<Duration()>& patience);

// All of the text on stdout. Blocks: as long as the reader does. Errors show at the command's end.
void put_on_stdout(std::string_view text);

// The same after a stop under mpirun. Where `job_may_end` (Ctrl-C, SIGTERM), what stdout does not
// take within a moment goes, whole, to switchyard-PID`extension` in the working directory, and
// stderr says so; else a reader that takes nothing is waited for, for 20 s. Errors: kIo.
[[nodiscard]] Result<void> put_on_stdout_of_mpirun(std::string_view text,
                                                   std::string_view extension,
                                                   const std::function<bool()>& job_may_end);

}  // namespace switchyard::launcher
