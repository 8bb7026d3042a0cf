// One very long row: what is printed of it, and that the memory it takes lies within the plan.
#include <algorithm>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "command.h"
#include "support/build.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

const std::string kModel = fixture("models/bert");
constexpr std::size_t kLong = 10'000'000;

/// The most anonymous memory that was seen while the command ran.
std::uint64_t peak_bytes(const std::vector<std::string>& arguments) {
  Process process(Start{arguments, {}, {}, false, "/dev/null"});
  std::uint64_t peak = 0;
  while (!process.ended()) {
    peak = std::max(peak, process.anonymous_bytes().value_or(0));
    (void)process.read_line(std::chrono::milliseconds(2));
  }
  const Finished result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  return peak;
}

/// `least`: what the row must take for the test to mean anything.
void expect_within_plan(const std::string& name, std::string text, std::size_t least = kLong) {
  const Folder folder;
  const std::string path = folder.write(name, text);
  std::string().swap(text);  // until it becomes the command, the new process is a copy of this one
  const json plan = run({"plan", kModel, "--input", path, "--json"}).rows().at(0);
  const auto total = plan["devices"][0]["planned"]["total"].get<std::uint64_t>();
  for (const std::vector<std::string>& form : {std::vector<std::string>{"-q"}, {"--json"}, {"--json", "--logits"}}) {
    std::vector<std::string> arguments = {"run", kModel, "--input", path};
    arguments.insert(arguments.end(), form.begin(), form.end());
    const std::uint64_t peak = peak_bytes(arguments);
    if (plimsoll::testing::kSanitized) continue;
    EXPECT_GT(peak, least) << name << " " << form.back();
    EXPECT_LE(peak, total) << name << " " << form.back();
  }
}

std::string repeat(std::string_view piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) text += piece;
  return text;
}

TEST(LongRow, OfControlCharactersStaysWithinThePlan) { expect_within_plan("nul.txt", std::string(kLong, '\0')); }

TEST(LongRow, OfOneWordStaysWithinThePlan) { expect_within_plan("word.txt", std::string(kLong, 'x') + "\nshort\n"); }

TEST(LongRow, OfNoUtf8StaysWithinThePlan) { expect_within_plan("bytes.txt", std::string(kLong, '\xFF') + "\n"); }

TEST(LongRow, OfMarksStaysWithinThePlan) { expect_within_plan("marks.txt", "a" + repeat("\xCC\x81", kLong) + "\n"); }

TEST(LongRow, OfJsonLinesStaysWithinThePlan) {
  expect_within_plan("row.jsonl", R"({"id": 1, "text": ")" + std::string(kLong, 'x') + "\"}\n");
}

TEST(LongRow, OfEscapesTakesTheMemoryOfItsText) {
  std::string row = R"({"text": ")";
  row += repeat("\\u0061", 2 * kLong);
  row += "\"}\n";
  expect_within_plan("escapes.jsonl", std::move(row), kLong / 3);
}

TEST(LongRow, OfJsonLinesTakesNothingForWhatIsPassedOver) {
  std::string row = R"({"other": ")";
  row.append(9 * kLong, 'x').append("\", \"").append(kLong, 'k').append("\": ").append(kLong, '1').append(R"(, "text": "a"})").append("\n");
  expect_within_plan("other.jsonl", std::move(row), 0);
}

TEST(LongRow, IsReadWithinTheSmallestBudgetThatIsNamed) {
  const Folder folder;
  const std::string path = folder.write("word.txt", std::string(3'000'000, 'x') + "\nshort\n");
  const json plan = run({"plan", kModel, "--input", path, "--json"}).rows().at(0);
  const auto least = plan["smallest_budget"]["cpu"].get<std::uint64_t>();
  const auto with = [&](std::uint64_t bytes) {
    return run({"run", kModel, "--input", path, "-q", "--max-memory", std::to_string(bytes) + "B"}).status;
  };
  EXPECT_EQ(with(least), 0);
  EXPECT_EQ(with(least - 4096), 1) << "less would do";
}

TEST(LongRow, IsEscapedAsAShortOneIs) {
  std::string text;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string plain(static_cast<std::size_t>(i % 7), 'a');
    text += plain + "\xC3\xA9\xF0\x9F\x98\x80\xFF\x01";
    expected += plain + "\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBD\\x01";
  }
  const Folder folder;
  const Finished result = run({"run", kModel, "--input", folder.write("a.txt", text), "-q"});
  EXPECT_EQ(result.status, 0) << result.err;
  ASSERT_NE(result.out.rfind('\t'), std::string::npos);
  EXPECT_EQ(result.out.substr(result.out.rfind('\t') + 1), expected + "\n");
}

}  // namespace
}  // namespace plimsoll::test
