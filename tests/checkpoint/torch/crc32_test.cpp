#include "checkpoint/torch/crc32.h"

#include <gtest/gtest.h>
#include <string_view>

namespace plimsoll::torch {
namespace {

TEST(Crc32, HasTheCheckValueOfItsPolynomial) {
  const auto sum = [](std::string_view text) { return crc32(std::as_bytes(std::span(text))); };
  EXPECT_EQ(sum("123456789"), 0xCBF43926U);
  EXPECT_EQ(sum(""), 0U);
}

}  // namespace
}  // namespace plimsoll::torch
