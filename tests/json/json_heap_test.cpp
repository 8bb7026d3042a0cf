// What the reader takes from the heap while it streams a file that is far larger.
#include <gtest/gtest.h>

#include "json/json_document.h"
#include "json/json_reader.h"
#include "support/heap_watch.h"

namespace plimsoll {
namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{4} << 20U;

/// `head`, then `body` over and over, made as it is read.
class EndlessFile final : public File {
 public:
  EndlessFile(std::string head, std::string body) : head_(std::move(head)), body_(std::move(body)) {}
  std::uint64_t size() const override { return kFileBytes; }
  const std::string& path() const override { return path_; }
  Status read(std::span<std::byte> out, std::uint64_t offset) override {
    for (std::byte& byte : out) {
      const char c = offset < head_.size() ? head_[static_cast<std::size_t>(offset)]
                                           : body_[static_cast<std::size_t>((offset - head_.size()) % body_.size())];
      byte = static_cast<std::byte>(c);
      ++offset;
    }
    return {};
  }

 private:
  std::string head_, body_, path_ = "endless";
};

/// Takes everything and keeps nothing.
class Ignorer final : public JsonHandler {
  Status on_null() override { return {}; }
  Status on_bool(bool /*value*/) override { return {}; }
  Status on_integer(std::int64_t /*value*/) override { return {}; }
  Status on_unsigned(std::uint64_t /*value*/) override { return {}; }
  Status on_number(double /*value*/) override { return {}; }
  Status on_string(std::string_view /*value*/) override { return {}; }
  Status on_key(std::string_view /*name*/) override { return {}; }
  Status begin_object() override { return {}; }
  Status end_object() override { return {}; }
  Status begin_array() override { return {}; }
  Status end_array() override { return {}; }
};

// Highest heap use of reading `file`, above what was in use before.
std::size_t heap_of_reading(EndlessFile file, const JsonLimits& limits) {
  Ignorer ignorer;
  const testing::HeapWatch watch;
  const Status status = read_json(file, 0, file.size(), limits, ignorer);
  EXPECT_FALSE(status.ok());
  return watch.highest();
}

TEST(JsonHeap, StaysBoundedWhateverTheFile) {
  const JsonLimits limits{.token = std::size_t{64} << 10U};
  const std::size_t most = (std::size_t{64} << 10U) + 12 * limits.token;
  EXPECT_LE(heap_of_reading({"[", "\"key\":12,"}, limits), most);
  EXPECT_LE(heap_of_reading({"[1", ",1"}, limits), most);
  EXPECT_LE(heap_of_reading({"\"", "a"}, limits), most);
  EXPECT_LE(heap_of_reading({"\"", "\\u0041"}, limits), most);
  EXPECT_LE(heap_of_reading({"1", "1"}, limits), most);
  EXPECT_LE(heap_of_reading({"[", " "}, limits), most);
  EXPECT_LE(heap_of_reading({"", "["}, limits), most);
  EXPECT_LE(heap_of_reading({"[[]", ",[]"}, limits), most);
  EXPECT_LE(heap_of_reading({"[null", ",null"}, limits), most);
  EXPECT_LE(heap_of_reading({"[null", ", null"}, limits), most);
}

TEST(JsonHeap, ADocumentIsBoundedByItsLimits) {
  for (const std::string value : {"[],", "\"aaaaaaaaaaaaaaaaaaaaaaaa\",", "0,"}) {
    std::string text = "[";
    while (text.size() < JsonDocument::kFileLimit - 32) text += value;
    text += "[]]";
    const testing::HeapWatch watch;
    EXPECT_FALSE(JsonDocument::parse(text, "t").ok());
    EXPECT_LE(watch.highest(), 2 * JsonDocument::kHeapLimit + (std::size_t{64} << 10U)) << value;
  }
}

}  // namespace
}  // namespace plimsoll
