// Columns are as wide as their widest entry, whatever a build's kernels are called.
#include "launcher/kernel_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace switchyard::launcher {
namespace {

TEST(KernelTable, ColumnsAreAsWideAsTheirWidestEntry) {
  const std::vector<kernels::KernelChoice> choices{
      {"experts, 64+", "cublas", false, "not asked for"},
      {"experts, 64+", "cuda sm_80 sm_90 sm_100 ptx_100", true, ""},
      {"gate", "ref", false, ""},
  };
  EXPECT_EQ(kernel_table(choices),
            "op           candidate\n"
            "experts, 64+ cublas                          not asked for\n"
            "experts, 64+ cuda sm_80 sm_90 sm_100 ptx_100 chosen\n"
            "gate         ref                             not needed\n");
}

TEST(KernelTable, OneWithoutEntriesHasItsHeading) { EXPECT_EQ(kernel_table({}), "op candidate\n"); }

TEST(TransportTable, SaysWhatIsLeftOut) {
  const std::vector<comm::TransportEntry> entries{
      {"local", comm::Availability::kAvailable, "threads"},
      {"a longer one", comm::Availability::kLeftOut, "not found"},
  };
  EXPECT_EQ(transport_table(entries),
            "transport\n"
            "local        threads\n"
            "a longer one left out: not found\n");
}

}  // namespace
}  // namespace switchyard::launcher
