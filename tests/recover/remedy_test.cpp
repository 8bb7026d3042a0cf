#include "recover/remedy.h"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

using Kind = Remedy::Kind;

Plan plan_with_device() {
  Plan plan;
  plan.devices.resize(2);
  plan.devices[0].name = "cpu";
  plan.devices[1].name = "sim:0";
  return plan;
}

Error short_of(const std::string& device) {
  Error error{ErrorCode::out_of_memory, "gone", "elsewhere"};
  error.memory = MemoryShortfall{device, mib(2), mib(1), {}, {}, {}};
  return error;
}

void expect(Error error, Kind kind, std::size_t device = 0) {
  const Remedy remedy = find_remedy(plan_with_device(), error);
  EXPECT_EQ(remedy.kind, kind) << message(error);
  EXPECT_EQ(remedy.device, device) << message(error);
}

TEST(Remedy, WantOfMemoryIsThatOfItsDevice) {
  expect(short_of("cpu"), Kind::less, 0);
  expect(short_of("sim:0"), Kind::less, 1);
  expect(short_of("sim:7"), Kind::none);
  expect({ErrorCode::out_of_memory, "no thread"}, Kind::less, 0);
  expect({ErrorCode::out_of_memory, "no stream", "sim:0"}, Kind::less, 1);
  expect({ErrorCode::out_of_memory, "no room", "model.safetensors"}, Kind::less, 0);
}

TEST(Remedy, ADeviceThatFailsIsTriedAgainAndOneThatIsLostIsNot) {
  expect({ErrorCode::io, "a copy failed", "sim:0"}, Kind::again, 1);
  expect({ErrorCode::device_lost, "lost", "sim:0"}, Kind::without, 1);
}

TEST(Remedy, OtherFailuresHaveNone) {
  expect({ErrorCode::io, "cannot read", "model.safetensors"}, Kind::none);
  for (const char* where : {"cpu", "", "sim:7"}) {
    expect({ErrorCode::io, "failed", where}, Kind::none);
    expect({ErrorCode::device_lost, "lost", where}, Kind::none);
  }
  for (const ErrorCode code : {ErrorCode::cancelled, ErrorCode::corrupt_file, ErrorCode::does_not_fit, ErrorCode::internal})
    expect({code, "", "sim:0"}, Kind::none);
}

}  // namespace
}  // namespace plimsoll
