#include "support/fake_os.h"

#include <gtest/gtest.h>
#include <array>

namespace plimsoll {
namespace {

using testing::FakeOs;
using Names = std::vector<std::string>;

TEST(FakeOs, ShowsItsMapAsATree) {
  FakeOs os;
  os.files = {{"/a/b/one", "1"}, {"/a/two", "22"}, {"/ab", ""}};
  EXPECT_TRUE(os.is_directory("/"));
  EXPECT_TRUE(os.is_directory("/a"));
  EXPECT_FALSE(os.is_directory("/ab"));
  EXPECT_TRUE(os.is_file("/ab"));
  EXPECT_EQ(os.list_directory("/"), (Names{"a", "ab"}));
  EXPECT_EQ(os.list_directory("/a/"), (Names{"b", "two"}));
  EXPECT_EQ(os.list_directory("/none"), Names{});
  EXPECT_EQ(*os.read_text("/a/two", 2), "22");
  EXPECT_EQ(os.read_text("/a/two", 1).error().code, ErrorCode::corrupt_file);
  EXPECT_EQ(os.read_text("/none", 1).error().code, ErrorCode::not_found);
}

TEST(FakeOs, ReadsByPositionAndWrites) {
  FakeOs os;
  ASSERT_TRUE(os.write_text("/x", "hello").ok());
  const auto file = os.open("/x");
  ASSERT_TRUE(file.ok());
  std::array<std::byte, 2> out{};
  ASSERT_TRUE((*file)->read(out, 3).ok());
  EXPECT_EQ(out[1], std::byte{'o'});
  EXPECT_EQ((*file)->read(out, 4).error().code, ErrorCode::corrupt_file);
  std::array<std::byte, kDirectBlock> block{};
  ASSERT_TRUE((*file)->read_direct(block, 0).ok()) << "the file may end inside the last block";
  EXPECT_EQ(block[4], std::byte{'o'});
  EXPECT_EQ((*file)->read_direct(block, kDirectBlock).error().code, ErrorCode::corrupt_file);
  os.read_only = true;
  EXPECT_FALSE(os.write_text("/x", "").ok());
}

TEST(FakeOs, PassesItsGate) {
  FakeOs os;
  os.files["/x"] = "1";
  os.gate().refuse({.ordinal = 1});
  EXPECT_EQ(os.read_text("/x", 9).error().code, ErrorCode::io);
  EXPECT_TRUE(os.read_text("/x", 9).ok());
  os.gate().refuse({.ordinal = 1});
  EXPECT_FALSE(os.map_memory(kPage).ok()) << "real memory passes the same gate";
}

}  // namespace
}  // namespace plimsoll
