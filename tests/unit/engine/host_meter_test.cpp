#include "runtime/engine/host_meter.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

namespace switchyard::engine {
namespace {

namespace fs = std::filesystem;

// A machine of files.
class HostMeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "host_meter_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_ + "/proc");
    fs::create_directories(root_ + "/sys/fs/cgroup");
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(HostMeterTest, MemoryIsThatOfTheMachine) {
  EXPECT_EQ(HostMeter(root_).memory_share(), 0) << "not known";
  EXPECT_EQ(HostMeter(root_).memory_free_bytes(), 0U) << "not known";
  write("/proc/meminfo", "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  250 kB\n");
  EXPECT_DOUBLE_EQ(HostMeter(root_).memory_share(), 0.75);
  EXPECT_EQ(HostMeter(root_).memory_free_bytes(), 250 * 1024U);
}

TEST_F(HostMeterTest, OrOfItsControlGroupWhereThatIsFuller) {
  write("/proc/meminfo", "MemTotal:  1000 kB\nMemAvailable:  900 kB\n");
  write("/sys/fs/cgroup/memory.current", "700\n");
  write("/sys/fs/cgroup/memory.stat", "anon 500\ninactive_file 200\n");
  write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_DOUBLE_EQ(HostMeter(root_).memory_share(), 0.1) << "no limit";
  EXPECT_EQ(HostMeter(root_).memory_free_bytes(), 900 * 1024U);
  write("/sys/fs/cgroup/memory.max", "1000\n");
  EXPECT_DOUBLE_EQ(HostMeter(root_).memory_share(), 0.5) << "what can be reclaimed is free";
  EXPECT_EQ(HostMeter(root_).memory_free_bytes(), 500U);
}

// Ticks of this process's cores count, those of others do not.
TEST_F(HostMeterTest, CoresAreThoseThatTheProcessMayUse) {
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  std::string before = "cpu  9 9 9 9 9 9 9 9 0 0\n";
  std::string after = before;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    const std::string name = "cpu" + std::to_string(core);
    before += name + " 100 0 100 1000 50 0 0 0 0 0\n";
    // Three quarters busy: user 60, irq 15; idle 20, iowait 5. Other cores: all idle.
    after += name + (CPU_ISSET(core, &mine) ? " 160 0 100 1020 55 15 0 0 0 0\n"
                                            : " 100 0 100 9000 50 0 0 0 0 0\n");
  }
  HostMeter meter(root_);
  EXPECT_EQ(meter.cpu_busy_share(), 0) << "nothing to compare with";
  write("/proc/stat", before);
  (void)meter.cpu_busy_share();
  write("/proc/stat", after);
  EXPECT_DOUBLE_EQ(meter.cpu_busy_share(), 0.75);
  EXPECT_EQ(meter.cpu_busy_share(), 0) << "no time has passed";
}

// The machine that this runs on says something.
TEST(HostMeter, ReadsThisMachine) {
  const double share = HostMeter().memory_share();
  EXPECT_GT(share, 0);
  EXPECT_LE(share, 1);
}

}  // namespace
}  // namespace switchyard::engine
