#include "device/sim/sim_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

TEST(SimSpec, MemoryAloneGivesTheDefaults) {
  const auto spec = parse_sim_spec("memory=2GiB");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec.value().memory, mib(2048));
  EXPECT_EQ(spec.value().used, Bytes{});
  EXPECT_EQ(spec.value().context, Bytes{});
  EXPECT_EQ(spec.value().name, "");
  EXPECT_EQ(spec.value().script, "");
  EXPECT_EQ(spec.value().rates.link, 12e9);
  EXPECT_EQ(spec.value().rates.pageable, 6e9);
  EXPECT_EQ(spec.value().rates.latency, 10e-6);
  EXPECT_EQ(spec.value().rates.compute, 1e12);
  EXPECT_EQ(spec.value().rates.disk, 2e9);
}

TEST(SimSpec, EveryKeyIsRead) {
  const auto spec = parse_sim_spec(
      "name=a_b-2,memory=11.17GiB,used=1GiB,context=450MiB,link=500MB/s,pageable=30MB/s,latency=1.5ms,compute=300GFLOP/s,disk=1.5GiB/"
      "s,script=/x/y=z #1");
  ASSERT_TRUE(spec.ok()) << message(spec.error());
  EXPECT_EQ(spec.value().name, "a_b-2");
  EXPECT_EQ(spec.value().memory, Bytes{11993696174});
  EXPECT_EQ(spec.value().used, mib(1024));
  EXPECT_EQ(spec.value().context, mib(450));
  EXPECT_DOUBLE_EQ(spec.value().rates.link, 500e6);
  EXPECT_DOUBLE_EQ(spec.value().rates.pageable, 30e6);
  EXPECT_DOUBLE_EQ(spec.value().rates.latency, 1.5e-3);
  EXPECT_DOUBLE_EQ(spec.value().rates.compute, 300e9);
  EXPECT_DOUBLE_EQ(spec.value().rates.disk, 1.5 * 1024 * 1024 * 1024);
  EXPECT_EQ(spec.value().script, "/x/y=z #1");
}

TEST(SimSpec, TimesAndRatesInEveryUnit) {
  const auto latency = [](const std::string& text) { return parse_sim_spec("memory=1GiB,latency=" + text).value().rates.latency; };
  EXPECT_EQ(latency("0"), 0);
  EXPECT_DOUBLE_EQ(latency("200ns"), 200e-9);
  EXPECT_DOUBLE_EQ(latency("10us"), 10e-6);
  EXPECT_DOUBLE_EQ(latency("2s"), 2);
  const auto compute = [](const std::string& text) { return parse_sim_spec("memory=1GiB,compute=" + text).value().rates.compute; };
  EXPECT_DOUBLE_EQ(compute("5FLOP/s"), 5);
  EXPECT_DOUBLE_EQ(compute("5KFLOP/s"), 5e3);
  EXPECT_DOUBLE_EQ(compute("5MFLOP/s"), 5e6);
  EXPECT_DOUBLE_EQ(compute("1.5PFLOP/s"), 1.5e15);
}

struct BadSpec {
  const char* text;
  const char* says;  ///< somewhere in the message
};

TEST(SimSpec, ErrorsNameTheKeyWhatWasGivenAndWhatIsAllowed) {
  const BadSpec table[] = {
      {"", "less than 512 B of memory"},
      {"used=1GiB", "less than 512 B of memory"},
      {"memory=0", "less than 512 B of memory"},
      {"memory=511", "less than 512 B of memory"},
      {"memory=2Gib/s", "memory=2Gib/s is not a size such as 512MiB"},
      {"memory=-1", "memory=-1 is not a size"},
      {"memory=99999999999999999999", "is not a size"},
      {"memory", "memory has no value"},
      {"memory=", "memory= is not a size"},
      {"memory=1GiB,,used=1", "unknown key"},
      {"memory=1GiB,vram=1GiB", "unknown key vram"},
      {"memory=1GiB,vram=1GiB", "known are name, memory, used, context, link, pageable, latency, compute, disk, script"},
      {"Memory=1GiB", "unknown key Memory"},
      {"memory=1GiB,memory=2GiB", "memory is given twice"},
      {"memory=1GiB,used=900MiB,context=200MiB", "used=900MiB and context=200MiB are more than memory=1024MiB"},
      {"memory=1GiB,used=2GiB", "more than memory"},
      {"memory=1GiB,link=12GB", "link=12GB is not a rate such as 12GB/s"},
      {"memory=1GiB,link=0/s", "is not a rate"},
      {"memory=1GiB,disk=fast", "disk=fast is not a rate"},
      {"memory=1GiB,compute=1TFLOP", "compute=1TFLOP is not a rate such as 1TFLOP/s"},
      {"memory=1GiB,compute=1e3GFLOP/s", "is not a rate"},
      {"memory=1GiB,compute=0TFLOP/s", "is not a rate"},
      {"memory=1GiB,compute=nanTFLOP/s", "is not a rate"},
      {"memory=1GiB,latency=10", "latency=10 is not a time such as 10us"},
      {"memory=1GiB,latency=-1us", "is not a time"},
      {"memory=1GiB,latency=1.2.3us", "is not a time"},
      {"memory=1GiB,latency=4000s", "is not a time"},
      {"memory=1GiB,name=../x", "name=../x is not a name of 1 to 64"},
      {"memory=1GiB,name=", "is not a name"},
      {"memory=1GiB,script=", "is not the path"},
      {"memory=1GiB,name=a\nb", "a\\x0ab"},
  };
  for (const BadSpec& bad : table) {
    const auto spec = parse_sim_spec(bad.text);
    ASSERT_FALSE(spec.ok()) << bad.text;
    EXPECT_EQ(spec.error().code, ErrorCode::usage);
    EXPECT_EQ(spec.error().where, "--sim");
    EXPECT_FALSE(spec.error().advice.empty()) << bad.text;
    EXPECT_THAT(message(spec.error()), HasSubstr(bad.says)) << bad.text;
  }
  EXPECT_FALSE(parse_sim_spec("memory=1GiB,name=" + std::string(65, 'a')).ok());
  EXPECT_FALSE(parse_sim_spec("memory=1GiB,script=" + std::string(100'000, 'a')).ok());
}

}  // namespace
}  // namespace plimsoll
