#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <plimsoll/os.h>

#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

TEST(PosixLibrary, FindsFunctionsAndSaysWhatItLacks) {
  Gate gate;
  const auto os = make_os(gate);
  const auto library = os->load_library("libm.so.6");
  ASSERT_TRUE(library.ok()) << message(library.error());
  auto* cosine = reinterpret_cast<double (*)(double)>((*library)->find("cos"));
  ASSERT_NE(cosine, nullptr);
  EXPECT_EQ(cosine(0), 1);
  EXPECT_EQ((*library)->find("no_such_function"), nullptr);
}

TEST(PosixLibrary, TellsOneThatIsNotThereFromOneThatIsBroken) {
  Gate gate;
  const auto os = make_os(gate);
  EXPECT_EQ(os->load_library("libno-such-library.so.9").error().code, ErrorCode::not_found);
  const testing::TemporaryFolder folder;
  const auto broken = os->load_library(folder.write("broken.so", "this is no library"));
  EXPECT_EQ(broken.error().code, ErrorCode::unsupported);
  EXPECT_THAT(message(broken.error()), HasSubstr("broken.so"));
  gate.refuse({1, false, static_cast<int>(Acquisition::open)});
  EXPECT_EQ(os->load_library("libm.so.6").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace plimsoll
