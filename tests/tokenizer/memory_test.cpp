// What the tokenizer takes of heap and scratch.
#include <sys/mman.h>

#include "memory/arena.h"
#include "support/heap_watch.h"
#include "support/temporary_folder.h"
#include "tokenizer/tokenizer_fixture.h"

namespace plimsoll::testing {
namespace {

/// The `io` memory of a text: max(1 MiB, 4 x its bytes), the text itself included.
std::size_t scratch_for(std::size_t text_bytes) { return std::max<std::size_t>(std::size_t{1} << 20U, 4 * text_bytes) - text_bytes; }

class TokenizerMemory : public TokenizerTest {
 protected:
  /// Encodes with no more memory than a pass would have, and without any heap.
  Result<Encoding> encode_bounded(const Tokenizer& tokenizer, const EncodeInput& input, const EncodeOptions& options) {
    const std::size_t size = scratch_for(input.text.size() + input.pair.value_or("").size());
    arena_.reset();
    memory_ = std::make_unique<std::byte[]>(size);
    arena_.emplace(std::span(memory_.get(), size));
    const HeapWatch watch;
    auto encoding = tokenizer.encode(input, options, &*arena_);
    EXPECT_LT(watch.highest(), 4096U);
    return encoding;
  }
  std::size_t used() const { return arena_->highest_used(); }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::optional<ArenaResource> arena_;
};

std::string repeat(std::string_view piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) text += piece;
  return text;
}

constexpr std::size_t kLong = std::size_t{10} << 20U;
const char* const kWords = "The plot [MASK] was thin, \xc3\xa9t\xc3\xa9 \xe4\xbd\xa0 and the acting worse. ";

TEST_F(TokenizerMemory, LongTextTakesAsMuchAsAShortOne) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const std::string text = repeat(kWords, kLong);
  const auto encoding = encode_bounded(tokenizer, {text}, {.max_length = 128});
  ASSERT_TRUE(encoding.ok()) << message(encoding.error());
  EXPECT_EQ(encoding->ids.size(), 128U);
  EXPECT_TRUE(encoding->truncated);
  EXPECT_LT(used(), std::size_t{64} << 10U);
  const std::size_t for_long = used();
  ASSERT_TRUE(encode_bounded(tokenizer, {std::string_view(text).substr(0, 2000)}, {.max_length = 128}).ok());
  EXPECT_EQ(used(), for_long);
}

TEST_F(TokenizerMemory, LongPairOfOddRoomAndLeftSideStayBounded) {
  Json file = Json::parse(read_file(fixture("tokenizers/bert-uncased/tokenizer.json")));
  const std::string text = repeat(kWords, kLong / 8);
  for (const char* side : {"right", "left"}) {
    const auto tokenizer = open(file.dump(), std::string(R"({"truncation_side":")") + side + "\"}");
    ASSERT_TRUE(tokenizer.ok());
    const auto encoding = encode_bounded(*tokenizer, {text, text}, {.max_length = 128});
    ASSERT_TRUE(encoding.ok()) << message(encoding.error());
    EXPECT_EQ(encoding->ids.size(), 128U);
    EXPECT_LT(used(), std::size_t{128} << 10U);
  }
}

TEST_F(TokenizerMemory, AWordOfTenMegabytes) {
  for (const char* name : {"tokenizers/bert-uncased", "tokenizers/bert-cased"}) {
    const Tokenizer tokenizer = open_fixture(name);
    for (const std::string_view piece : {"x", "\xc3\xa9", "\xed\x95\x9c"}) {
      const std::string text = repeat(piece, kLong);
      const auto encoding = encode_bounded(tokenizer, {text}, {.max_length = 128});
      ASSERT_TRUE(encoding.ok()) << message(encoding.error());
      EXPECT_EQ(encoding->ids, (std::pmr::vector<std::int32_t>{2, 1, 3}));
      EXPECT_EQ(encoding->offsets[1], (TextSpan{0, static_cast<std::uint32_t>(text.size() / piece.size())}));
      EXPECT_LT(used(), std::size_t{64} << 10U);
    }
  }
}

/// The longest words that a model may ask for, of one token each character or one in all.
TEST_F(TokenizerMemory, TheLongestWordHasRoom) {
  constexpr std::size_t kLongest = 8192;
  for (const std::string character : {"a", "\xf0\x9d\x90\x9a"}) {
    const std::string word = repeat(character, kLongest * character.size());
    Json pieces = {{"type", "WordPiece"}, {"unk_token", "?"}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", kLongest}};
    pieces["vocab"] = {{"?", 0}, {character, 1}, {"##" + character, 2}};
    const Json whole = {{"type", "WordLevel"}, {"unk_token", "?"}, {"vocab", {{"?", 0}, {repeat(character, kLongest), 1}}}};
    for (const auto& [model, text] : {std::pair{pieces, word}, std::pair{whole, repeat(character, kLongest)}}) {
      const auto tokenizer = open(Json{{"model", model}}.dump());
      ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
      const auto encoding = encode_bounded(*tokenizer, {text}, {.max_length = 512});
      ASSERT_TRUE(encoding.ok()) << message(encoding.error());
      EXPECT_EQ(encoding->ids[0], 1);
    }
  }
}

/// Nothing is read behind what settles the answer: the rest of these texts is memory that may not be touched.
TEST_F(TokenizerMemory, ReadingStopsOnceTheAnswerIsSettled) {
  constexpr std::size_t readable = std::size_t{16} << 10U;
  void* memory = ::mmap(nullptr, kLong, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::string begin = repeat(kWords, readable);
  begin.copy(static_cast<char*>(memory), readable);
  ASSERT_EQ(::mprotect(static_cast<char*>(memory) + readable, kLong - readable, PROT_NONE), 0);
  const std::string_view text(static_cast<const char*>(memory), kLong);
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const auto single = tokenizer.encode({text}, {.max_length = 128}, std::pmr::new_delete_resource());
  ASSERT_TRUE(single.ok());
  EXPECT_EQ(single->ids, tokenizer.encode({begin}, {.max_length = 128}, std::pmr::new_delete_resource())->ids);
  const auto pair = tokenizer.encode({text, text}, {.max_length = 129}, std::pmr::new_delete_resource());
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(pair->ids.size(), 129U);
  EXPECT_EQ(tokenizer.count({text}, {.max_length = 128}, std::pmr::new_delete_resource()).value(), 128);
  ::munmap(memory, kLong);
}

TEST_F(TokenizerMemory, TheLargestLimitCutsNothing) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (const bool special : {false, true}) {
    const auto all = tokenizer.encode({"one two three"}, {.add_special_tokens = special}, std::pmr::new_delete_resource());
    const auto limited =
        tokenizer.encode({"one two three"}, {.max_length = kMost, .add_special_tokens = special}, std::pmr::new_delete_resource());
    ASSERT_TRUE(all.ok() && limited.ok());
    EXPECT_EQ(limited->ids, all->ids);
    EXPECT_FALSE(limited->truncated);
  }
}

/// White space is held back for tokens that take it from their left, however much there is, and each byte is looked at a
/// bounded number of times: this would not end if it were not.
TEST_F(TokenizerMemory, TenMegabytesOfSpaceBeforeAToken) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const std::string text = "a" + std::string(kLong, ' ') + "[MASK]";
  const auto encoding = encode_bounded(tokenizer, {text}, {});
  ASSERT_TRUE(encoding.ok());
  ASSERT_EQ(encoding->ids.size(), 4U);
  EXPECT_EQ(encoding->offsets[2], (TextSpan{static_cast<std::uint32_t>(kLong) + 1, static_cast<std::uint32_t>(kLong) + 7}));
}

/// Held marks take their own bytes and one each for its position, whatever their order: there is always room for them.
TEST_F(TokenizerMemory, MarksAreHeldPacked) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  for (const std::string_view marks : {"\xcc\x81", "\xcc\xa3\xcc\x81", "\xcc\x81\xcc\xa3\xcd\x85\xd6\xb0"}) {
    const auto all = encode_bounded(tokenizer, {"a" + repeat(marks, kLong)}, {.max_length = 8});
    ASSERT_TRUE(all.ok()) << message(all.error());
    EXPECT_EQ(all->ids.size(), 3U);
    EXPECT_EQ(all->offsets[1], (TextSpan{0, 1}));
    EXPECT_LE(used(), kLong * 155 / 100);
  }
}

/// The parts of other tokenizers that hold points back, each with the text that makes it hold most.
TEST_F(TokenizerMemory, EveryNormalizerHoldsPacked) {
  struct Held {
    const char* normalizer;
    std::string_view piece;
    std::size_t percent;  ///< of the text's bytes
  };
  const Held cases[] = {{R"({"type":"NFD"})", "\xcc\x81", 155},
                        {R"({"type":"NFC"})", "\xcc\xa3\xcc\x81", 155},
                        {R"({"type":"NFKC"})", "\xcc\x81\xcc\xa3", 155},
                        {R"({"type":"NFC"})", "\xe0\xbd\xb3", 275},
                        {R"({"type":"Strip","strip_left":false,"strip_right":true})", " ", 105},
                        {R"({"type":"Strip","strip_left":false,"strip_right":true})", "\xe3\x80\x80", 105}};
  for (const Held& held : cases) {
    Json file = Json::parse(read_file(fixture("tokenizers/bert-uncased/tokenizer.json")));
    file["normalizer"] = Json::parse(held.normalizer);
    const auto tokenizer = open(file.dump());
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    const auto encoding = encode_bounded(*tokenizer, {"a" + repeat(held.piece, kLong) + "b"}, {.max_length = 8});
    ASSERT_TRUE(encoding.ok()) << held.normalizer << message(encoding.error());
    EXPECT_LE(used(), kLong / 100 * held.percent) << held.normalizer;
  }
}

/// White space before a token that is looked for in the normalized text.
TEST_F(TokenizerMemory, SpaceBeforeANormalizedTokenIsHeldPacked) {
  Json file = Json::parse(read_file(fixture("tokenizers/bert-uncased/tokenizer.json")));
  file["added_tokens"].push_back({{"id", 9999},
                                  {"content", "<m>"},
                                  {"single_word", false},
                                  {"lstrip", true},
                                  {"rstrip", false},
                                  {"normalized", true},
                                  {"special", false}});
  const auto tokenizer = open(file.dump());
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  const auto encoding = encode_bounded(*tokenizer, {"a" + std::string(kLong, ' ') + "<m>"}, {});
  ASSERT_TRUE(encoding.ok()) << message(encoding.error());
  ASSERT_EQ(encoding->ids.size(), 4U);
  EXPECT_EQ(encoding->offsets[2], (TextSpan{1, static_cast<std::uint32_t>(kLong) + 4}));
  EXPECT_LE(used(), kLong * 105 / 100);
}

TEST_F(TokenizerMemory, EveryRefusedAllocationIsABadRow) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const std::string text = repeat(kWords, 400);
  const auto whole = tokenizer.encode({text, text}, {.keep_tokens = true}, std::pmr::new_delete_resource());
  std::vector<std::byte> memory(std::size_t{1} << 20U);
  std::size_t failures = 0;
  for (std::size_t size = 0;; size += 64) {
    ASSERT_LT(size, memory.size());
    ArenaResource arena(std::span<std::byte>(memory).first(size));
    const auto encoding = tokenizer.encode({text, text}, {.keep_tokens = true}, &arena);
    if (encoding.ok()) {
      EXPECT_EQ(encoding->ids, whole->ids);
      break;
    }
    ASSERT_EQ(encoding.error().code, ErrorCode::bad_row);
    ++failures;
  }
  EXPECT_GT(failures, 100U);
}

/// Counts stay linear: as many requests and bytes for ten times the text, when nothing is kept.
TEST_F(TokenizerMemory, CountingKeepsNothing) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const std::string text = repeat(kWords, std::size_t{1} << 20U);
  std::vector<std::byte> memory(std::size_t{1} << 20U);
  ArenaResource arena(memory);
  const HeapWatch watch;
  const auto count = tokenizer.count({text}, {.add_special_tokens = false}, &arena);
  ASSERT_TRUE(count.ok());
  EXPECT_LT(watch.highest(), 4096U);
  EXPECT_LT(arena.highest_used(), std::size_t{64} << 10U);
  const auto one = tokenizer.count({kWords}, {.add_special_tokens = false}, std::pmr::new_delete_resource());
  EXPECT_EQ(*count, *one * static_cast<std::int64_t>(text.size() / std::string_view(kWords).size()));
}

std::string big_file(std::size_t tokens) {
  std::string json =
      R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordPiece",)"
      R"("unk_token":"t0","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{)";
  for (std::size_t i = 0; i < tokens; ++i) json += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":" + std::to_string(i);
  return json + "}}}";
}

TEST_F(TokenizerMemory, OpeningTakesLittleHeapWhateverTheVocabulary) {
  const TemporaryFolder folder;
  Gate gate;
  const auto real = make_os(gate);
  folder.write("tokenizer.json", big_file(250000));
  const HeapWatch watch;
  const auto tokenizer = Tokenizer::open(*real, ledger, folder.path());
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_LT(watch.highest(), std::size_t{1} << 20U);
  EXPECT_LT(watch.left(), std::size_t{32} << 10U);
  EXPECT_EQ(tokenizer->id("t249999"), 249999);
  EXPECT_EQ(tokenizer->token(123456), "t123456");
  // 16 bytes a token and its own text.
  EXPECT_LT(tokenizer->table_bytes(), mib(6));
  EXPECT_EQ(ledger.current(MemoryTag::tables), tokenizer->table_bytes());
}

}  // namespace
}  // namespace plimsoll::testing
