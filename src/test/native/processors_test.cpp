// What affinity and cgroup quotas allow, read from files as Linux, Docker and Kubernetes lay them out.
#include "processors.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace bevel {
namespace {

namespace fs = std::filesystem;

class Processors : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bevel-processors-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    affinity_ = CPU_COUNT(&set);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const fs::path file = root_ + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void mounts(const std::string& lines) {
    write("/proc/self/mountinfo", "22 27 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n" + lines);
  }
  int count() const { return usable_processors(root_).count; }
  std::string reason() const { return usable_processors(root_).reason; }

  std::string root_;
  int affinity_ = 0;
};

constexpr const char* kVersion2 =
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kVersion1 =
    "35 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n";

TEST_F(Processors, WithoutCgroupsAffinityCounts) {
  EXPECT_EQ(count(), affinity_);
  EXPECT_EQ(reason(), "the processors that this process may use");
}

TEST_F(Processors, AQuotaOfVersion2) {
  mounts(kVersion2);
  write("/proc/self/cgroup", "0::/system.slice/job.service\n");
  write("/sys/fs/cgroup/system.slice/job.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(reason(), affinity_ > 0 ? "a cgroup quota of 0.5 processors" : "");
}

TEST_F(Processors, AQuotaIsRoundedUp) {
  mounts(kVersion2);
  write("/proc/self/cgroup", "0::/job\n");
  write("/sys/fs/cgroup/job/cpu.max", "110000 100000\n");
  EXPECT_EQ(count(), std::min(2, affinity_));
}

TEST_F(Processors, TheLeastQuotaOnTheWayUpCounts) {
  mounts(kVersion2);
  write("/proc/self/cgroup", "0::/outer/middle/inner\n");
  write("/sys/fs/cgroup/outer/cpu.max", "100000 100000\n");
  write("/sys/fs/cgroup/outer/middle/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/outer/middle/inner/cpu.max", "900000 100000\n");
  EXPECT_EQ(count(), 1);
}

TEST_F(Processors, AContainerWithANamespaceOfItsOwn) {
  mounts(kVersion2);
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(count(), 1);
}

TEST_F(Processors, AQuotaOfVersion1) {
  mounts(kVersion1);
  write("/proc/self/cgroup", "5:memory:/other\n4:cpu,cpuacct:/job\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 1);
}

/// Docker with version 1: the path is the host's, what is mounted is the group itself.
TEST_F(Processors, AContainerOfVersion1) {
  mounts("35 25 0:30 /docker/0a1b /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
  write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/0a1b\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "60000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 1);
}

TEST_F(Processors, NoQuotaAndNonsenseAreNone) {
  for (const char* text :
       {"max 100000\n", "", "-1 100000\n", "100000 0\n", "100000\n", "a b\n", "0 100000\n"}) {
    mounts(kVersion2);
    write("/proc/self/cgroup", "0::/job\nnonsense\n:\n");
    write("/sys/fs/cgroup/job/cpu.max", text);
    EXPECT_EQ(count(), affinity_) << text;
  }
  mounts(kVersion1);
  write("/proc/self/cgroup", "4:cpu,cpuacct:/job\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), affinity_);
}

}  // namespace
}  // namespace bevel

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
