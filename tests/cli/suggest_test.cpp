#include "arguments/suggest.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

const std::vector<std::string> kFlags = {"--batch-size", "--max-memory", "--max-length", "--dtype", "--device"};

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("--bacth-size", kFlags), "--batch-size");
  EXPECT_EQ(nearest("--max-mem", kFlags), "--max-memory");
  EXPECT_EQ(nearest("--batchsize", kFlags), "--batch-size");
  EXPECT_EQ(nearest("--dtyp", kFlags), "--dtype");
  EXPECT_EQ(nearest("rnu", {"run", "plan"}), "run");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("--zzzzzzzz", kFlags), "");
  EXPECT_EQ(nearest("", kFlags), "");
  EXPECT_EQ(nearest(std::string(10'000, 'x'), kFlags), "");
}

}  // namespace
}  // namespace plimsoll::cli
