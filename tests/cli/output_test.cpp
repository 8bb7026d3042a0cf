#include "output.h"

#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::cli {
namespace {

using test::Folder;

TEST(Output, HasNoNameBeforeItIsCommitted) {
  const Folder folder;
  Gate gate;
  CancelToken cancel;
  {
    auto output = Output::open(folder / "a", gate, cancel);
    ASSERT_TRUE(output.ok());
    output->write(std::string(100'000, 'x'));
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_TRUE(test::names_in(folder.path()).empty());
  auto output = Output::open(folder / "a", gate, cancel);
  output->write("done");
  ASSERT_TRUE(output->commit().ok());
  EXPECT_EQ(test::read_file(folder / "a"), "done");
  EXPECT_EQ(test::names_in(folder.path()).size(), 1U);
}

TEST(Output, FailsForEveryAcquisitionThatIsRefused) {
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    ASSERT_LT(ordinal, 20U);
    const Folder folder;
    Gate gate;
    CancelToken cancel;
    gate.refuse({ordinal, false, -1});
    auto output = Output::open(folder / "a", gate, cancel);
    Status status = output.ok() ? Status() : Status(output.error());
    if (output.ok()) {
      for (int i = 0; i < 3; ++i) output->write(std::string(20'000, 'x'));
      status = output->commit();
    }
    if (gate.refused() == 0) {
      EXPECT_TRUE(status.ok());
      EXPECT_EQ(test::read_file(folder / "a").size(), 60'000U);
      break;
    }
    ASSERT_FALSE(status.ok()) << ordinal;
    EXPECT_EQ(status.error().code, ErrorCode::io);
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
}

}  // namespace
}  // namespace plimsoll::cli
