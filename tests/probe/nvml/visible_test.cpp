#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <plimsoll/device_status.h>

namespace plimsoll {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DeviceStatus device(const std::string& name, const std::string& uuid, bool split = false, const std::string& mig = "") {
  DeviceStatus status;
  status.name = name;
  status.uuid = uuid;
  status.split = split;
  status.mig = mig;
  return status;
}

// What CUDA makes of the variable, by its programming guide's chapter on environment variables.
TEST(VisibleDevices, AreNamedByIndexOrByTheBeginningOfAUuid) {
  const std::vector<DeviceStatus> four = {device("gpu:0", "GPU-aa11"), device("gpu:1", "GPU-ab22"), device("gpu:2", "GPU-cc33"),
                                          device("gpu:3", "GPU-dd44")};
  EXPECT_THAT(visible_devices(std::nullopt, four), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(visible_devices("2,0", four), ElementsAre(2, 0));
  EXPECT_THAT(visible_devices(" 3 , 1 ", four), ElementsAre(3, 1));
  EXPECT_THAT(visible_devices("GPU-cc33,GPU-aa", four), ElementsAre(2, 0));
  EXPECT_THAT(visible_devices("GPU-dd44,1", four), ElementsAre(3, 1));
  EXPECT_THAT(visible_devices("", four), IsEmpty());
  EXPECT_THAT(visible_devices("-1", four), IsEmpty());
  EXPECT_THAT(visible_devices("NoDevFiles", four), IsEmpty());
  EXPECT_THAT(visible_devices("0,-1,2", four), ElementsAre(0)) << "the first that names nothing ends the list";
  EXPECT_THAT(visible_devices("1,4,2", four), ElementsAre(1));
  EXPECT_THAT(visible_devices("GPU-a", four), IsEmpty()) << "two begin so";
  EXPECT_THAT(visible_devices("1,1", four), IsEmpty()) << "an error of CUDA's";
  EXPECT_THAT(visible_devices("99999999999999999999999", four), IsEmpty());
  EXPECT_THAT(visible_devices(",,", four), IsEmpty());
}

TEST(VisibleDevices, MayBeInstances) {
  const std::vector<DeviceStatus> mixed = {device("gpu:0", "GPU-aa", true), device("gpu:0/mig:0", "MIG-1111", false, "GPU-aa/7/0"),
                                           device("gpu:0/mig:1", "MIG-2222", false, "GPU-aa/8/0"), device("gpu:1", "GPU-bb")};
  EXPECT_THAT(visible_devices(std::nullopt, mixed), ElementsAre(3));
  EXPECT_THAT(visible_devices("MIG-2222", mixed), ElementsAre(2));
  EXPECT_THAT(visible_devices("MIG-GPU-aa/7/0", mixed), ElementsAre(1));
  EXPECT_THAT(visible_devices("MIG-GPU-aa/9/0", mixed), IsEmpty());
  EXPECT_THAT(visible_devices("1", mixed), ElementsAre(3)) << "numbers count whole devices";
  EXPECT_THAT(visible_devices(std::nullopt, std::span(mixed).first(3)), ElementsAre(1)) << "of instances a process sees one";
}

}  // namespace
}  // namespace plimsoll
