// launcher/launch/last_words.h -- what a process said last in its log, as far as it says something:
// not the rulers that Open MPI puts around its messages, and of such a message its beginning.
// Thread safety: functions without state.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace switchyard::launcher {

// A few lines, in their order; none where nothing was said. Blocks: reads to the end.
[[nodiscard]] std::vector<std::string> last_words(std::istream& log);

}  // namespace switchyard::launcher
