#include "probe/rates.h"

#include <gtest/gtest.h>

#include "probe/fake_machine.h"
#include "probe/rates_cache.h"

namespace plimsoll::probe {
namespace {

using testing::FakeOs;
using testing::lines;

const std::string kCachePath = "/home/ann/.cache/plimsoll/rates.json";

CpuDescription some_cpu() {
  CpuDescription cpu;
  cpu.key = "AMD EPYC / 26 / 2 / 1";
  cpu.isa = "avx512";
  cpu.native_bfloat16 = true;
  return cpu;
}

TEST(BuiltInRates, GrowWithInstructionSetAndThreads) {
  const Rates wide = built_in_rates("avx512", true, 2);
  const Rates narrow = built_in_rates("avx2", false, 2);
  const Rates plain = built_in_rates("sse4", false, 2);
  EXPECT_GT(wide.float32_flops, narrow.float32_flops);
  EXPECT_GT(narrow.float32_flops, plain.float32_flops);
  EXPECT_GT(wide.bfloat16_flops, wide.float32_flops);
  EXPECT_EQ(narrow.bfloat16_flops, 0) << "not native";
  EXPECT_EQ(built_in_rates("avx512", true, 4).float32_flops, 2 * wide.float32_flops);
  EXPECT_EQ(built_in_rates("avx512", true, 0).threads, 1);
  EXPECT_EQ(wide.source, "table for avx512");
  EXPECT_EQ(plain.source, "table for other processors");
  for (const Rates& rates : {wide, narrow, plain}) {
    EXPECT_GT(rates.memory_read, 0);
    EXPECT_GT(rates.disk_read, 0);
    EXPECT_GT(rates.int8_flops, 0);
  }
}

TEST(FindMount, IsTheLongestThatHoldsTheFolder) {
  FakeOs os;
  os.files["/proc/self/mountinfo"] =
      lines({"27 1 254:0 / / rw - ext4 /dev/vda rw", "28 27 8:1 / /data rw shared:1 - xfs /dev/sdb1 rw",
             "29 27 8:2 / /data/models rw - ext4 /dev/sdc1 rw", "30 27 8:3 / /data rw - btrfs /dev/sdd1 rw"});
  EXPECT_EQ(find_mount(os, "/data/models/bert"), "/data/models /dev/sdc1");
  EXPECT_EQ(find_mount(os, "/data/models"), "/data/models /dev/sdc1");
  EXPECT_EQ(find_mount(os, "/data/modelsX"), "/data /dev/sdd1") << "the later mount hides the earlier";
  EXPECT_EQ(find_mount(os, "/database"), "/ /dev/vda");
  EXPECT_EQ(find_mount(os, "relative"), "unknown");
  os.files.clear();
  EXPECT_EQ(find_mount(os, "/data"), "unknown");
}

TEST(FindMount, KnowsMountPointsWithBlanks) {
  FakeOs os;
  os.files["/proc/self/mountinfo"] =
      lines({"27 1 254:0 / / rw - ext4 /dev/vda rw", "28 27 8:1 / /my\\040disk rw shared:1 - fuse host:/big\\040share rw"});
  EXPECT_EQ(find_mount(os, "/my disk/bert"), "/my disk host:/big share");
  EXPECT_EQ(find_mount(os, "/my\\040disk/bert"), "/ /dev/vda");
}

struct RatesCacheTest : ::testing::Test {
  FakeOs os;
  RatesCacheTest() {
    os.variables["HOME"] = "/home/ann";
    os.files["/proc/self/mountinfo"] = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
  }

  RatesCache some_cache() {
    RatesCache cache;
    cache.compute[compute_key(some_cpu(), 2)] = {1.25e11, 2.5e11, 3e11, 1.5e10};
    cache.disk["/ /dev/vda"] = 3.5e9;
    return cache;
  }
};

TEST_F(RatesCacheTest, ReadsBackWhatItWrote) {
  ASSERT_TRUE(write_rates_cache(os, some_cache()).ok());
  ASSERT_TRUE(os.files.contains(kCachePath));
  const Rates rates = find_rates(os, some_cpu(), 2, "/models/bert");
  EXPECT_EQ(rates.float32_flops, 1.25e11);
  EXPECT_EQ(rates.bfloat16_flops, 2.5e11);
  EXPECT_EQ(rates.int8_flops, 3e11);
  EXPECT_EQ(rates.memory_read, 1.5e10);
  EXPECT_EQ(rates.disk_read, 3.5e9);
  EXPECT_EQ(rates.source, "measured");
  EXPECT_EQ(rates.disk_source, "measured");
}

TEST_F(RatesCacheTest, BelongsToProcessorInstructionSetThreadsAndMount) {
  ASSERT_TRUE(write_rates_cache(os, some_cache()).ok());
  EXPECT_EQ(find_rates(os, some_cpu(), 1, "/m").source, "table for avx512");
  CpuDescription capped = some_cpu();
  capped.isa = "avx2";
  EXPECT_EQ(find_rates(os, capped, 2, "/m").source, "table for avx2");
  CpuDescription other = some_cpu();
  other.key = "other";
  EXPECT_EQ(find_rates(os, other, 2, "/m").source, "table for avx512");
  EXPECT_EQ(find_rates(os, other, 2, "/m").disk_source, "measured");
  os.files["/proc/self/mountinfo"] = "27 1 254:0 / / rw - ext4 /dev/vdb rw\n";
  EXPECT_EQ(find_rates(os, some_cpu(), 2, "/m").disk_source, "table");
}

TEST_F(RatesCacheTest, LiesInTheCacheFolderOfTheUser) {
  os.variables["XDG_CACHE_HOME"] = "/var/cache/ann";
  ASSERT_TRUE(write_rates_cache(os, some_cache()).ok());
  EXPECT_TRUE(os.files.contains("/var/cache/ann/plimsoll/rates.json"));
  os.variables["XDG_CACHE_HOME"] = "relative";
  ASSERT_TRUE(write_rates_cache(os, some_cache()).ok());
  EXPECT_TRUE(os.files.contains(kCachePath)) << "relative paths are ignored";
  os.variables.clear();
  EXPECT_EQ(write_rates_cache(os, some_cache()).error().code, ErrorCode::io);
  EXPECT_TRUE(read_rates_cache(os).compute.empty());
}

TEST_F(RatesCacheTest, IsIgnoredWhenItIsOfAnotherVersionOrMalformed) {
  ASSERT_TRUE(write_rates_cache(os, some_cache()).ok());
  const std::string good = os.files[kCachePath];
  ASSERT_EQ(read_rates_cache(os).compute.size(), 1U);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  };
  const std::vector<std::string> bad = {"",
                                        "{",
                                        "null",
                                        "[]",
                                        "[[[[",
                                        std::string(200000, '['),
                                        std::string(300000, ' ') + good,
                                        std::string("\0\xff\xfe", 3),
                                        good.substr(0, good.size() / 2),
                                        replaced("\"schema\": 1", "\"schema\": 2"),
                                        replaced("\"schema\": 1", "\"schema\": {}"),
                                        replaced("\"version\": \"", "\"version\": \"x"),
                                        replaced("\"compute\": {", "\"compute\": 7, \"x\": {"),
                                        replaced("\"float32_flops\"", "\"float33_flops\""),
                                        replaced("125000000000.0", "-1"),
                                        replaced("125000000000.0", "0"),
                                        replaced("125000000000.0", "1e300"),
                                        replaced("125000000000.0", "1e999"),
                                        replaced("125000000000.0", "\"125000000000\""),
                                        replaced("125000000000.0", "null")};
  for (const std::string& text : bad) {
    os.files[kCachePath] = text;
    EXPECT_TRUE(read_rates_cache(os).compute.empty()) << text.substr(0, 300);
    EXPECT_EQ(find_rates(os, some_cpu(), 2, "/m").source, "table for avx512");
  }
}

TEST_F(RatesCacheTest, LeavesOutSingleFiguresThatAreNoRates) {
  RatesCache cache = some_cache();
  cache.disk["/slow x"] = 0.5;
  cache.disk["/fast y"] = 1e30;
  ASSERT_TRUE(write_rates_cache(os, cache).ok());
  const RatesCache read = read_rates_cache(os);
  EXPECT_EQ(read.disk.size(), 1U);
  EXPECT_EQ(read.compute.size(), 1U);
}

TEST_F(RatesCacheTest, OfAReadOnlyHomeIsAnErrorThatNobodyNeeds) {
  os.read_only = true;
  EXPECT_FALSE(write_rates_cache(os, some_cache()).ok());
}

}  // namespace
}  // namespace plimsoll::probe
