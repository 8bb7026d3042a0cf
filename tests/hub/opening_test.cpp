#include "hub/opening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_os.h"

namespace plimsoll {
namespace {

TEST(Opening, HasSoManyBytesForAllFiles) {
  Gate gate;
  testing::FakeFile file("m/config.json", "", gate);
  Opening opening;
  EXPECT_TRUE(opening.take(Opening::kBytes - 1, file).ok());
  const Status refused = opening.take(2, file);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt_file);
  EXPECT_THAT(message(refused.error()), ::testing::HasSubstr("2 bytes that describe the model, where 1 are left (m/config.json)"));
  EXPECT_TRUE(opening.take(1, file).ok());
  EXPECT_FALSE(opening.take(1, file).ok());
  EXPECT_TRUE(opening.take(0, file).ok());
}

TEST(Opening, EndsWhenItIsToldTo) {
  Gate gate;
  testing::FakeFile file("m/config.json", "", gate);
  CancelToken cancel;
  Opening opening(&cancel);
  EXPECT_TRUE(opening.take(1, file).ok());
  cancel.cancel();
  EXPECT_EQ(opening.take(1, file).error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace plimsoll
