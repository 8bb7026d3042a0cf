#include "rows/answer_writer.h"

#include <set>

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

TEST(Labels, AreDistinct) {
  EXPECT_EQ(distinct_labels({"a", "b"}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(distinct_labels({"a", "b", "a"}), (std::vector<std::string>{"a#0", "b", "a#2"}));
  const auto names = distinct_labels({"a", "a", "a#0", "a#0", ""});
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace plimsoll::cli
