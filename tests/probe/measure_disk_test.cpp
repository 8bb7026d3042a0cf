#include "probe/measure_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <filesystem>

#include "support/temporary_folder.h"

namespace plimsoll::probe {
namespace {

using plimsoll::testing::TemporaryFolder;

struct MeasureDisk : ::testing::Test {
  TemporaryFolder folder;
  Gate gate;
  std::unique_ptr<Os> os = make_os(gate);

  std::string make_file(Bytes size) {
    std::string path = folder.write("f", "");
    std::filesystem::resize_file(path, size.count);
    return path;
  }
};

TEST_F(MeasureDisk, RefusesWhatItCannotMeasure) {
  EXPECT_EQ(measure_disk_read(*os, folder / "missing").error().code, ErrorCode::not_found);
  EXPECT_EQ(measure_disk_read(*os, make_file(mib(1))).error().code, ErrorCode::unsupported);
  const auto tree = measure_disk_read(*os, folder.path());
  ASSERT_FALSE(tree.ok());
}

TEST_F(MeasureDisk, GivesARateWithinItsTimeOrSaysThatItCannot) {
  const std::string path = make_file(mib(80));
  const auto before = os->now();
  const auto rate = measure_disk_read(*os, path);
  EXPECT_LT(os->now() - before, std::chrono::seconds(5));
  if (!rate.ok()) {
    EXPECT_EQ(rate.error().code, ErrorCode::unsupported) << message(rate.error());
    GTEST_SKIP() << "no O_DIRECT on the file system of temporary files";
  }
  EXPECT_GT(*rate, 1e6);
}

TEST_F(MeasureDisk, EveryAcquisitionCanBeRefused) {
  const std::string path = make_file(mib(64));
  if (!measure_disk_read(*os, path).ok()) GTEST_SKIP() << "no O_DIRECT on the file system of temporary files";
  for (std::uint64_t ordinal = 1; ordinal <= 6; ++ordinal) {
    gate.refuse({.ordinal = ordinal});
    EXPECT_FALSE(measure_disk_read(*os, path).ok()) << ordinal;
    EXPECT_EQ(gate.refused(), 1U);
  }
  gate.refuse({});
  EXPECT_TRUE(measure_disk_read(*os, path).ok());
}

}  // namespace
}  // namespace plimsoll::probe
