#include "tokenizer/tokenizer_fixture.h"

#include <thread>

namespace plimsoll::testing {
namespace {

const std::string kSmall = R"({"version":"1.0","added_tokens":[)" + added_token("[UNK]", R"({"special":true})") + "," +
                           added_token("[CLS]", R"({"id":1,"special":true})") + R"(],
 "normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},
 "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
  "vocab":{"[UNK]":0,"[CLS]":1,"a":2,"b":7,"##b":2147483647}}})";

std::vector<std::int32_t> ids(const Tokenizer& tokenizer, std::string_view text) {
  const auto encoding = tokenizer.encode({text}, {}, std::pmr::new_delete_resource());
  return encoding.ok() ? std::vector<std::int32_t>(encoding->ids.begin(), encoding->ids.end()) : std::vector<std::int32_t>{-1};
}

class TokenizerApi : public TokenizerTest {};

TEST_F(TokenizerApi, IdsMayHaveHoles) {
  const auto tokenizer = open(kSmall);
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_EQ(tokenizer->max_id(), 2147483647);
  EXPECT_EQ(tokenizer->token(7), "b");
  EXPECT_EQ(tokenizer->token(2147483647), "##b");
  EXPECT_EQ(tokenizer->token(3), std::nullopt);
  EXPECT_EQ(tokenizer->token(-1), std::nullopt);
  EXPECT_EQ(tokenizer->id("b"), 7);
  EXPECT_EQ(tokenizer->id("c"), std::nullopt);
  EXPECT_TRUE(tokenizer->is_special(1));
  EXPECT_FALSE(tokenizer->is_special(2));
  EXPECT_EQ(ids(*tokenizer, "ab b[CLS]ab c"), (std::vector<std::int32_t>{2, 2147483647, 7, 1, 2, 2147483647, 0}));
  EXPECT_EQ(tokenizer->added_tokens(false), 0);
}

// As `tokenizers` has it, whose set of special tokens only grows.
TEST_F(TokenizerApi, WhatWasAddedAsSpecialOnceStaysSo) {
  std::string file = kSmall;
  const std::string model = "],\n \"normalizer\"";
  file.insert(file.find(model), "," + added_token("[CLS]", R"({"id":1,"special":false})"));
  const auto tokenizer = open(file);
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_TRUE(tokenizer->is_special(1));
}

TEST_F(TokenizerApi, TablesAreChargedAndGivenBack) {
  {
    const auto tokenizer = open(read_file(fixture("tokenizers/bert-cased/tokenizer.json")));
    ASSERT_TRUE(tokenizer.ok());
    EXPECT_EQ(ledger.current(MemoryTag::tables), tokenizer->table_bytes());
    EXPECT_GT(tokenizer->table_bytes(), kib(16));
    EXPECT_LT(tokenizer->table_bytes(), kib(64));
  }
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(TokenizerApi, NoRoomInTheLedgerIsOutOfMemory) {
  Ledger small("cpu", kib(8));
  os.files["m/tokenizer.json"] = read_file(fixture("tokenizers/bert-cased/tokenizer.json"));
  const auto tokenizer = Tokenizer::open(os, small, "m");
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(small.current(), Bytes{0});
}

TEST_F(TokenizerApi, EveryRefusedAcquisitionIsATypedError) {
  os.files["m/tokenizer.json"] = read_file(fixture("tokenizers/bert-cased/tokenizer.json"));
  os.files["m/tokenizer_config.json"] = R"({"model_max_length":512})";
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    os.gate().refuse({.ordinal = n});
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    if (os.gate().refused() == 0) break;
    EXPECT_FALSE(tokenizer.ok()) << n;
    EXPECT_EQ(ledger.current(), Bytes{0}) << n;
    ++failures;
  }
  EXPECT_GE(failures, 4U);
  os.gate().refuse({});
  EXPECT_TRUE(Tokenizer::open(os, ledger, "m").ok());
}

TEST_F(TokenizerApi, ModelMaxLength) {
  const std::string file = kSmall;
  EXPECT_EQ(open(file, R"({"model_max_length":512})")->model_max_length(), 512);
  EXPECT_EQ(open(file, R"({"model_max_length":1e3})")->model_max_length(), 1000);
  EXPECT_EQ(open(file, R"({"model_max_length":999999999})")->model_max_length(), 999999999);
  EXPECT_EQ(open(file, R"({"model_max_length":1000000000})")->model_max_length(), std::nullopt);
  EXPECT_EQ(open(file, R"({"model_max_length":1000000000000000019884624838656})")->model_max_length(), std::nullopt);
  EXPECT_EQ(open(file, R"({"model_max_length":null})")->model_max_length(), std::nullopt);
  EXPECT_EQ(open(file)->model_max_length(), std::nullopt);
  EXPECT_EQ(open(file, R"({"model_max_length":"many"})").error().code, ErrorCode::corrupt_file);
}

TEST_F(TokenizerApi, TruncationSideComesFromTheConfig) {
  const auto tokenizer = open(kSmall, R"({"truncation_side":"left"})");
  ASSERT_TRUE(tokenizer.ok());
  const auto encoding = tokenizer->encode({"a a b b a b"}, {.max_length = 3}, std::pmr::new_delete_resource());
  ASSERT_TRUE(encoding.ok());
  EXPECT_EQ(encoding->ids, (std::pmr::vector<std::int32_t>{7, 2, 7}));
  EXPECT_TRUE(encoding->truncated);
}

TEST_F(TokenizerApi, TruncatedTellsWhetherTokensAreMissing) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-cased");
  const auto truncated = [&](std::string_view text, std::optional<std::string_view> pair, std::int64_t length) {
    return tokenizer.encode({text, pair}, {.max_length = length}, std::pmr::new_delete_resource())->truncated;
  };
  EXPECT_FALSE(truncated(", , ,", std::nullopt, 5));
  EXPECT_TRUE(truncated(", , ,", std::nullopt, 4));
  EXPECT_TRUE(truncated(",", std::nullopt, 2));
  EXPECT_FALSE(truncated("", std::nullopt, 2));
  EXPECT_FALSE(truncated(", ,", ",", 6));
  EXPECT_TRUE(truncated(", ,", ",", 5));
}

TEST_F(TokenizerApi, TooShortForTheSpecialTokensIsUsage) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-cased");
  const auto single = tokenizer.encode({"a"}, {.max_length = 1}, std::pmr::new_delete_resource());
  ASSERT_FALSE(single.ok());
  EXPECT_EQ(single.error().code, ErrorCode::usage);
  EXPECT_TRUE(tokenizer.encode({"a"}, {.max_length = 1, .add_special_tokens = false}, std::pmr::new_delete_resource()).ok());
  EXPECT_FALSE(tokenizer.encode({"a", "b"}, {.max_length = 2}, std::pmr::new_delete_resource()).ok());
}

TEST_F(TokenizerApi, NoMemoryResourceIsUsage) {
  const auto tokenizer = open(kSmall);
  ASSERT_TRUE(tokenizer.ok());
  const auto encoding = tokenizer->encode({"a"}, {}, nullptr);
  ASSERT_FALSE(encoding.ok());
  EXPECT_EQ(encoding.error().code, ErrorCode::usage);
  const auto count = tokenizer->count({"a"}, {}, nullptr);
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().code, ErrorCode::usage);
}

TEST_F(TokenizerApi, PresentPairMakesAPair) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-cased");
  EXPECT_EQ(tokenizer.count({","}, {}, std::pmr::new_delete_resource()).value(), 3);
  EXPECT_EQ(tokenizer.count({",", ""}, {}, std::pmr::new_delete_resource()).value(), 4);
}

TEST_F(TokenizerApi, IllFormedTextIsReadAsIfReplaced) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const std::string bad = "a\xff\xe2\x82 film\xc3";
  std::pmr::string replaced;
  utf8_replace(bad, replaced);
  const auto a = tokenizer.encode({bad}, {}, std::pmr::new_delete_resource());
  const auto b = tokenizer.encode({replaced}, {}, std::pmr::new_delete_resource());
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->ids, b->ids);
  EXPECT_EQ(a->offsets, b->offsets);
}

TEST_F(TokenizerApi, EarlyStopEqualsTheWholeThenCut) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  std::string text;
  for (int i = 0; i < 60; ++i) text += "Zork! [MASK] warranty \xe4\xbd\xa0 x ";
  const auto whole = tokenizer.encode({text}, {.add_special_tokens = false}, std::pmr::new_delete_resource());
  ASSERT_TRUE(whole.ok());
  for (std::size_t length = 0; length < whole->ids.size() + 2; ++length) {
    const auto cut = tokenizer.encode({text}, {.max_length = static_cast<std::int64_t>(length), .add_special_tokens = false},
                                      std::pmr::new_delete_resource());
    ASSERT_TRUE(cut.ok());
    const std::size_t kept = std::min(length, whole->ids.size());
    ASSERT_EQ(cut->ids.size(), kept);
    EXPECT_TRUE(std::equal(cut->ids.begin(), cut->ids.end(), whole->ids.begin()));
    EXPECT_TRUE(std::equal(cut->offsets.begin(), cut->offsets.end(), whole->offsets.begin()));
    EXPECT_EQ(cut->truncated, length < whole->ids.size());
  }
}

TEST_F(TokenizerApi, ManyThreadsMayEncode) {
  const Tokenizer tokenizer = open_fixture("tokenizers/bert-uncased");
  const auto rows = read_lines(fixture("tokenizers/hard-cases-uncased.jsonl"));
  std::vector<std::jthread> threads;
  std::vector<std::size_t> right(4);
  for (std::size_t t = 0; t < right.size(); ++t)
    threads.emplace_back([&, t] {
      for (const Json& row : rows) {
        if (row.contains("text_pair")) continue;
        const std::string text = row.at("text");
        const auto encoding = tokenizer.encode({text}, {}, std::pmr::new_delete_resource());
        right[t] += encoding.ok() && Json(encoding->ids) == row.at("ids") ? 1 : 0;
      }
    });
  threads.clear();
  for (const std::size_t count : right) EXPECT_EQ(count, right[0]);
  EXPECT_GT(right[0], 100U);
}

TEST_F(TokenizerApi, OldFilesWithoutTypesAreInferred) {
  const auto tokenizer = open(R"({"normalizer":{"clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"sep":["]",1],"cls":["[",0]},
    "model":{"unk_token":"]","continuing_subword_prefix":"##","max_input_chars_per_word":9,"vocab":{"[":0,"]":1,"e":2,"##x":3}}})");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_EQ(ids(*tokenizer, "\xc3\x89x"), (std::vector<std::int32_t>{0, 2, 3, 1}));
}

/// However long the white space is that a token takes from its left, and wherever it stands.
TEST_F(TokenizerApi, WhiteSpaceBeforeATokenIsTakenAsAWhole) {
  const auto tokenizer = open(R"({"added_tokens":[)" + added_token("<m>", R"({"id":1,"lstrip":true,"special":true})") +
                              R"(],"pre_tokenizer":{"type":"WhitespaceSplit"},
    "model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0,"<m>":1}}})");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  for (const std::size_t before : {1U, 4000U, 4090U, 4096U, 9000U})
    for (const std::size_t spaces : {0U, 1U, 7U, 200U, 5000U, 20000U}) {
      const std::string text = std::string(before, 'a') + std::string(spaces, ' ') + "<m>";
      const auto encoding = tokenizer->encode({text}, {}, std::pmr::new_delete_resource());
      ASSERT_TRUE(encoding.ok());
      ASSERT_EQ(encoding->ids, (std::pmr::vector<std::int32_t>{0, 1})) << before << " " << spaces;
      EXPECT_EQ(encoding->offsets[1], (TextSpan{static_cast<std::uint32_t>(before), static_cast<std::uint32_t>(text.size())}));
    }
}

// The answers are those of tokenizers 0.23.3.
TEST_F(TokenizerApi, WhiteSpaceOfATokenThatDoesNotStandAloneIsLeftToTheNext) {
  const auto tokenizer = open(R"({"added_tokens":[)" + added_token("x ", R"({"id":1,"lstrip":true,"single_word":true,"normalized":true})") +
                              R"(],"pre_tokenizer":{"type":"WhitespaceSplit"},
    "model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"x ":1,"x":2}}})");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  const auto encoding = tokenizer->encode({"x x x "}, {.keep_tokens = true}, std::pmr::new_delete_resource());
  ASSERT_TRUE(encoding.ok());
  EXPECT_EQ(encoding->ids, (std::pmr::vector<std::int32_t>{2, 2, 1}));
  EXPECT_EQ(encoding->offsets[2], (TextSpan{3, 6}));
  EXPECT_EQ(encoding->tokens[2], " x ");
}

TEST_F(TokenizerApi, AddedTokensAreLookedForInTheTextThatTheySay) {
  const auto tokenizer = open(R"({"added_tokens":[)" + added_token("A", R"({"special":true})") + "," +
                              added_token("B", R"({"normalized":true})") + R"(],"normalizer":{"type":"Lowercase"},
    "pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"A":1,"B":2}}})");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_EQ(ids(*tokenizer, "A a B b"), (std::vector<std::int32_t>{1, 0, 2, 2}));
}

TEST_F(TokenizerApi, OfRepeatedLinesTheLastCounts) {
  std::string lines = "[UNK]\n";
  for (int i = 0; i < 300; ++i) lines += i % 3 == 0 ? "a\n" : "t" + std::to_string(i) + "\n";
  os.files["m/vocab.txt"] = lines;
  const auto tokenizer = Tokenizer::open(os, ledger, "m");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_EQ(tokenizer->id("a"), 298);
  EXPECT_EQ(tokenizer->token(1), std::nullopt);
}

// The answers are those of transformers 5.24 for the same files.
TEST_F(TokenizerApi, FilesBesideVocabTxtNameTokens) {
  os.files["m/vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n[\n]\nnew\n";
  const auto of = [&](const std::string& text) {
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, text) : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  const Ids split = {2, 5, 6, 8, 7, 3};
  const Ids whole = {2, 5, 9, 3};
  EXPECT_EQ(of("a [NEW]"), split);
  os.files["m/added_tokens.json"] = R"({"[NEW]":9})";
  EXPECT_EQ(of("a [NEW]"), whole);
  EXPECT_EQ(of("a [new]"), whole) << "not special: looked for in normalized text";
  os.files["m/tokenizer_config.json"] = R"({"added_tokens_decoder":{}})";
  EXPECT_EQ(of("a [NEW]"), split) << "the older file counts only without the newer's list";
  os.files.erase("m/added_tokens.json");
  os.files["m/tokenizer_config.json"] = R"({"cls_token":"[CLS]"})";
  os.files["m/special_tokens_map.json"] = R"({"cls_token":"[MASK]","additional_special_tokens":["[NEW]"]})";
  EXPECT_EQ(of("a [NEW]"), (Ids{4, 5, 9, 3}));
  os.files.erase("m/special_tokens_map.json");
  for (const char* list : {R"({"additional_special_tokens":["[NEW]"]})", R"({"extra_special_tokens":[{"content":"[NEW]"}]})",
                           R"({"extra_special_tokens":{"new_token":"[NEW]"}})"}) {
    os.files["m/tokenizer_config.json"] = list;
    EXPECT_EQ(of("a [NEW]"), whole) << list;
  }
  for (const char* wrong :
       {R"({"extra_special_tokens":"[NEW]"})", R"({"extra_special_tokens":[1]})", R"({"additional_special_tokens":[{}]})"}) {
    os.files["m/tokenizer_config.json"] = wrong;
    EXPECT_EQ(Tokenizer::open(os, ledger, "m").error().code, ErrorCode::corrupt_file) << wrong;
  }
  os.files.erase("m/tokenizer_config.json");
  for (const char* wrong : {"[]", R"({"[NEW]":"9"})", R"({"[NEW]":-1})", R"({"[NEW]":)", R"({"[NEW]":9,"[OLD]":9})"}) {
    os.files["m/added_tokens.json"] = wrong;
    EXPECT_EQ(Tokenizer::open(os, ledger, "m").error().code, ErrorCode::corrupt_file) << wrong;
  }
}

TEST_F(TokenizerApi, SettingsOfBertGoBeforeTheNormalizerOfTheFile) {
  const auto of = [&](const std::string& normalizer, const std::string& settings, const std::map<std::string, std::string>& others = {}) {
    const auto tokenizer = open(R"({"normalizer":)" + normalizer + R"(,"pre_tokenizer":{"type":"BertPreTokenizer"},
      "model":{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","max_input_chars_per_word":100,
               "vocab":{"?":0,"É":1,"é":2,"E":3,"e":4,"中":5,"x中":6}}})",
                                settings, others);
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, "É x中") : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  const auto bert = [](const std::string& lowercase, const std::string& accents = "null",
                       const std::string& type = R"("type":"BertNormalizer",)") {
    return "{" + type + R"("clean_text":true,"handle_chinese_chars":true,"strip_accents":)" + accents + R"(,"lowercase":)" + lowercase +
           "}";
  };
  EXPECT_EQ(of(bert("true"), "{}"), (Ids{4, 0, 5}));
  EXPECT_EQ(of(bert("true"), R"({"do_lower_case":false})"), (Ids{1, 0, 5}));
  for (const char* type : {R"("type":"Bert",)", ""})
    EXPECT_EQ(of(bert("true", "null", type), R"({"do_lower_case":false})"), (Ids{1, 0, 5})) << "an old name: " << type;
  EXPECT_EQ(of(bert("false"), R"({"do_lower_case":true})"), (Ids{4, 0, 5}));
  EXPECT_EQ(of(bert("true"), R"({"tokenizer_class":"BertTokenizer","strip_accents":false})"), (Ids{2, 0, 5}));
  EXPECT_EQ(of(bert("true", "false"), R"({"strip_accents":null})"), (Ids{4, 0, 5}));
  EXPECT_EQ(of(bert("false"), R"({"tokenizer_class":"BertTokenizerFast","do_lower_case":false,"strip_accents":true})"), (Ids{3, 0, 5}));
  EXPECT_EQ(of(bert("false"), R"({"tokenizer_class":"BertTokenizerFast"})"), (Ids{4, 0, 5}))
      << "the class lowercases unless told otherwise";
  EXPECT_EQ(of(bert("false"), "{}"), (Ids{1, 0, 5})) << "of no class";
  EXPECT_EQ(of(bert("false"), "{}", {{"config.json", R"({"model_type":"bert"})"}}), (Ids{4, 0, 5})) << "the class of the model";
  EXPECT_EQ(of(bert("false"), "{}", {{"config.json", R"({"model_type":"bert","tokenizer_class":"PreTrainedTokenizerFast"})"}}),
            (Ids{1, 0, 5}))
      << "the class that the model's file names";
  EXPECT_EQ(of(bert("true"), R"({"tokenize_chinese_chars":false})"), (Ids{4, 6}));
  EXPECT_EQ(of(bert("true"), R"({"tokenizer_class":"PreTrainedTokenizerFast","do_lower_case":false})"), (Ids{4, 0, 5}))
      << "goes by its file";
  EXPECT_EQ(of(R"({"type":"Lowercase"})", R"({"do_lower_case":false})"), (Ids{2, 6}));
}

TEST_F(TokenizerApi, UnknownWordWithoutATokenForItIsAnError) {
  const auto tokenizer = open(R"({"model":{"type":"WordLevel","unk_token":"?","vocab":{"a":0}}})");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  EXPECT_EQ(ids(*tokenizer, "a"), std::vector<std::int32_t>{0});
  const auto failed = tokenizer->encode({"b"}, {}, std::pmr::new_delete_resource());
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::bad_row) << "other texts can be encoded";
  EXPECT_EQ(failed.error().where, "m/tokenizer.json: model.unk_token");
  os.files = {{"m/vocab.txt", "a\n"}, {"m/tokenizer_config.json", R"({"unk_token":"?"})"}};
  const auto lines = Tokenizer::open(os, ledger, "m");
  ASSERT_TRUE(lines.ok()) << message(lines.error());
  EXPECT_EQ(lines->encode({"b"}, {}, std::pmr::new_delete_resource()).error().where, "m/tokenizer_config.json: unk_token");
}

// Also beside a tokenizer.json, which lists none of them.
TEST_F(TokenizerApi, SettingsAddTokensToThoseOfTheFile) {
  const auto of = [&](const std::string& settings, const std::map<std::string, std::string>& others = {}) {
    const auto tokenizer =
        open(R"({"added_tokens":[{"id":0,"content":"?","single_word":false,"lstrip":false,"rstrip":false,
        "normalized":false,"special":true}],"pre_tokenizer":{"type":"BertPreTokenizer"},
        "model":{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","max_input_chars_per_word":100,
                 "vocab":{"?":0,"a":1,"##b":2,"ab":3,"##a":4}}})",
             std::string(R"({"tokenizer_class":"PreTrainedTokenizerFast")") + (settings.empty() ? "" : ",") + settings + "}", others);
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, "aab") : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(of(""), (Ids{1, 4, 2}));
  const Ids cut = {1, 3};
  for (const char* settings :
       {R"("additional_special_tokens":["ab"])", R"("bos_token":"ab")", R"("added_tokens_decoder":{"3":{"content":"ab"}})"})
    EXPECT_EQ(of(settings), cut) << settings;
  const std::map<std::string, std::string> map = {{"special_tokens_map.json", R"({"eos_token":"ab"})"}};
  EXPECT_EQ(of("", map), cut);
  EXPECT_EQ(of(R"("added_tokens_decoder":{})", map), (Ids{1, 4, 2})) << "the older file counts only without the newer's list";
  EXPECT_EQ(of("", {{"added_tokens.json", R"({"ab":3})"}}), cut);
  EXPECT_EQ(of("", {{"added_tokens.json", R"({"?":0})"}}), (Ids{1, 4, 2}));
  const auto flags = Tokenizer::open(os, ledger, "m");
  ASSERT_TRUE(flags.ok());
  EXPECT_TRUE(flags->is_special(0)) << "the file's own flags stay";
}

// As transformers 5.24 answers for the same files.
TEST_F(TokenizerApi, FilesThatNameTheSameTokensAgreeOnThem) {
  struct Case {
    const char* config;
    const char* map;
    const char* added;
    std::vector<std::int32_t> ids;
  };
  const std::vector<std::int32_t> none = {2, 6, 8, 7, 6, 8, 7, 5, 3};
  const std::vector<std::int32_t> special = {2, 9, 6, 8, 7, 5, 3};
  const std::vector<std::int32_t> normalized = {2, 9, 9, 5, 3};
  const char* const added = R"({"[NEW]":9})";
  const std::vector<Case> cases = {
      {"{}", "{}", "{}", none},
      {"{}", "{}", added, normalized},
      {R"({"additional_special_tokens":["[NEW]"]})", "{}", added, special},
      {R"({"extra_special_tokens":["[NEW]"]})", "{}", added, special},
      {R"({"mask_token":"[NEW]"})", "{}", added, special},
      {"{}", R"({"mask_token":{"content":"[NEW]"}})", added, special},
      {"{}", R"({"additional_special_tokens":["[NEW]"]})", added, normalized},
      {R"({"image_token":"[NEW]"})", "{}", "{}", special},
      {R"({"image_token":{"__type":"AddedToken","content":"[NEW]","normalized":false}})", "{}", "{}", special},
      {R"({"image_token":{"content":"[NEW]","normalized":false}})", "{}", "{}", none},
      {"{}", R"({"image_token":"[NEW]"})", "{}", special},
      {"{}", R"({"image_token":{"content":"[NEW]"}})", "{}", special},
      {R"({"model_specific_special_tokens":{"image_token":"[NEW]"}})", "{}", "{}", special},
      {R"({"extra_special_tokens":["a"],"additional_special_tokens":["[NEW]"]})", "{}", "{}", none},
      {R"({"extra_special_tokens":[],"additional_special_tokens":["[NEW]"]})", "{}", "{}", special},
      {R"({"additional_special_tokens":["a"]})", R"({"additional_special_tokens":["[NEW]"]})", "{}", none},
      {R"({"extra_special_tokens":[]})", R"({"additional_special_tokens":["[NEW]"]})", "{}", none},
      {"{}", R"({"extra_special_tokens":["[NEW]"],"additional_special_tokens":["a"]})", "{}", special},
      {R"({"mask_token":{"__type":"AddedToken","content":"[NEW]","special":false}})", "{}", "{}", special},
      {"{}", R"({"mask_token":{"content":"[NEW]","special":false}})", "{}", special},
      {R"({"extra_special_tokens":[{"__type":"AddedToken","content":"[NEW]"}]})", "{}", "{}", normalized},
      {R"({"mask_token":"[NEW]"})", R"({"mask_token":null})", "{}", none},
  };
  os.files["m/vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n[\n]\nnew\n";
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.config) + ' ' + c.map + ' ' + c.added);
    os.files["m/tokenizer_config.json"] = c.config;
    os.files["m/special_tokens_map.json"] = c.map;
    os.files["m/added_tokens.json"] = c.added;
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    EXPECT_EQ(ids(*tokenizer, "[NEW] [new] a"), c.ids);
  }
  for (const char* wrong : {R"({"model_specific_special_tokens":["[NEW]"]})", R"({"model_specific_special_tokens":{"image_token":1}})"}) {
    os.files["m/tokenizer_config.json"] = wrong;
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    ASSERT_FALSE(tokenizer.ok()) << wrong;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::corrupt_file) << wrong;
  }
}

// As transformers 5.24 answers.
TEST_F(TokenizerApi, RolesOfBertMayBeNull) {
  os.files["m/vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n[\n]\nmask\nsep\n";
  const auto open_with = [&](const std::string& role) {
    os.files["m/tokenizer_config.json"] = "{\"" + role + "\":null}";
    return Tokenizer::open(os, ledger, "m");
  };
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(ids(*open_with("pad_token"), "a [MASK] [SEP]"), (Ids{2, 5, 4, 3, 3}));
  EXPECT_EQ(ids(*open_with("mask_token"), "a [MASK] [SEP]"), (Ids{2, 5, 6, 8, 7, 3, 3}));
  EXPECT_EQ(ids(*open_with("sep_token"), "a [MASK] [SEP]"), (Ids{2, 5, 4, 6, 9, 7, 3}));
  const auto unknown = open_with("unk_token");
  EXPECT_EQ(ids(*unknown, "a"), (Ids{2, 5, 3}));
  EXPECT_FALSE(unknown->encode({"b"}, {}, std::pmr::new_delete_resource()).ok());
}

TEST_F(TokenizerApi, SettingsInUnusualPlacesAreRefused) {
  os.files["m/vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n";
  const auto refused = [&](const std::string& name, const std::string& text, const std::string& where) {
    os.files["m/" + name] = text;
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    ASSERT_FALSE(tokenizer.ok()) << text;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::unsupported) << text;
    EXPECT_EQ(tokenizer.error().where, "m/" + name + ": " + where);
    os.files.erase("m/" + name);
  };
  refused("tokenizer_config.json", R"({"vocab":{"a":0}})", "vocab");
  for (const char* type : {"mpnet", "clip", "bert-japanese", "none that is known"})
    refused("config.json", R"({"model_type":")" + std::string(type) + "\"}", "model_type");
  for (const char* setting : {R"("split_special_tokens":true)", R"("do_lower_case":false)", R"("truncation_side":"left")",
                              R"("model_max_length":5)", R"("model_input_names":["input_ids"])", R"("add_bos_token":true)",
                              R"("vocab":"vocab.txt")", R"("tokenizer_class":"BertTokenizer")"}) {
    const std::string text = setting;
    refused("special_tokens_map.json", "{" + text + "}", text.substr(1, text.find('"', 1) - 1));
  }
  for (const char* key : {"tokenizer_truncation", "_json_truncation"})
    refused("tokenizer_config.json", "{\"" + std::string(key) + R"(":{"max_length":5,"direction":"left"}})", key);
  for (const char* type : {"", "bert", "distilbert", "ernie", "megatron-bert", "visual_bert", "lxmert"}) {
    os.files["m/config.json"] = R"({"model_type":")" + std::string(type) + "\"}";
    EXPECT_TRUE(Tokenizer::open(os, ledger, "m").ok()) << type;
  }
  os.files["m/special_tokens_map.json"] =
      R"({"mask_token":"[MASK]","pad_token":null,"image_token":{"content":"a"},"additional_special_tokens":["a"],
          "extra_special_tokens":{},"model_specific_special_tokens":{}})";
  EXPECT_TRUE(Tokenizer::open(os, ledger, "m").ok());
  os.files["m/special_tokens_map.json"] = R"({"split_special_tokens":true})";
  os.files["m/tokenizer_config.json"] = R"({"added_tokens_decoder":{}})";
  EXPECT_TRUE(Tokenizer::open(os, ledger, "m").ok()) << "the older file counts only without the newer's list";
}

// As transformers 5.24 answers.
TEST_F(TokenizerApi, TheLastFlagsOfATokenCount) {
  const auto of = [&](const std::string& decoder) {
    const auto tokenizer =
        open(R"({"added_tokens":[)" + added_token("<m>", R"({"id":1,"special":true})") + R"(],"normalizer":{"type":"Lowercase"},
        "pre_tokenizer":{"type":"Whitespace"},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"<m>":1}}})",
             R"({"tokenizer_class":"PreTrainedTokenizerFast","added_tokens_decoder":{)" + decoder + "}}");
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, "<M> x<m>") : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  const std::string plain = R"("1":{"content":"<m>","special":true})";
  const std::string normalized = R"({"content":"<m>","normalized":true,"special":true})";
  EXPECT_EQ(of(plain), (Ids{0, 0, 0, 0, 1}));
  EXPECT_EQ(of(R"("1":)" + normalized), (Ids{1, 0, 1}));
  EXPECT_EQ(of(R"("1":{"content":"<m>","single_word":true,"special":true})"), (Ids{0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(of(plain + R"(,"2":)" + normalized), (Ids{1, 0, 1}));
  EXPECT_EQ(of(R"("1":{"content":"<m>"})"), (Ids{1, 0, 1})) << "normalized unless it is special";
  EXPECT_EQ(of(R"("1":{"content":"<m>"}},"mask_token":"<m>","x":{)"), (Ids{0, 0, 0, 0, 1})) << "as one with a role is";
}

// As transformers 5.24 answers: it reads the tokenizer's own tokens into the list of added_tokens.json, by their ids.
TEST_F(TokenizerApi, AddedTokensOfTheFileGoBeforeThoseBesideIt) {
  const auto of = [&](const std::string& added, const std::string& settings = "{}") {
    const auto tokenizer = open(R"({"added_tokens":[)" + added_token("<m>", R"({"id":5})") + "," + added_token("<n>", R"({"id":6})") +
                                    R"(],"normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"WhitespaceSplit"},
            "model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"<m>":5,"<n>":6}}})",
                                settings, {{"added_tokens.json", added}});
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, "<m> x<M> <old>") : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(of("{}"), (Ids{5, 0, 0}));
  EXPECT_EQ(of(R"({"<m>":5})"), (Ids{5, 0, 0}));
  EXPECT_EQ(of(R"({"<old>":5,"<m>":6})"), (Ids{5, 0, 0})) << "ids of others";
  EXPECT_EQ(of(R"({"<old>":7})"), (Ids{5, 0, 7}));
  EXPECT_EQ(of(R"({"<m>":7})"), (Ids{5, 0, 5, 0})) << "again, with flags of its own";
  EXPECT_EQ(of(R"({"<m>":7})", R"({"mask_token":"<m>"})"), (Ids{5, 0, 0})) << "special, hence not normalized";
}

// As transformers 5.24 and tokenizers answer.
TEST_F(TokenizerApi, NewTokensOfSettingsComeBehindAllIds) {
  const auto open_with = [&](std::int32_t id, const std::string& listed, const std::string& settings) {
    return open(
        R"({"added_tokens":[)" + added_token("<m>", R"({"special":true})") + listed +
            R"(],"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"<m>":)" +
            std::to_string(id) + "}}}",
        R"({"tokenizer_class":"PreTrainedTokenizerFast",)" + settings + "}");
  };
  const auto of = [&](std::int32_t id, const std::string& listed, const std::string& settings) {
    const auto tokenizer = open_with(id, listed, settings);
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() ? ids(*tokenizer, "<m> a <x> <y>") : std::vector<std::int32_t>();
  };
  using Ids = std::vector<std::int32_t>;
  const std::string both = R"("extra_special_tokens":["<x>","<y>"])";
  EXPECT_EQ(of(2, "", both), (Ids{2, 1, 3, 4}));
  EXPECT_EQ(of(50, "", both), (Ids{50, 1, 51, 52}));
  EXPECT_EQ(of(50, "," + added_token("<x>"), R"("extra_special_tokens":["<y>"])"), (Ids{50, 1, 3, 51}));
  const auto full = open_with(INT32_MAX, "", both);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::corrupt_file);
  EXPECT_EQ(full.error().where, "m/tokenizer_config.json");
}

TEST_F(TokenizerApi, SettingsTellWhetherAModelIsGivenTokenTypes) {
  const auto passes = [&](const std::string& settings, const std::string& config = "") {
    std::map<std::string, std::string> others;
    if (!config.empty()) others["config.json"] = config;
    const auto tokenizer = open(R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0}}})", settings, others);
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : message(tokenizer.error()));
    return tokenizer.ok() && tokenizer->passes_token_types();
  };
  for (const char* name : {"BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "ElectraTokenizer"})
    EXPECT_TRUE(passes(R"({"tokenizer_class":")" + std::string(name) + R"("})")) << name;
  for (const char* name : {"DistilBertTokenizer", "DistilBertTokenizerFast", "TokenizersBackend", "MPNetTokenizer", "RobertaTokenizerFast"})
    EXPECT_FALSE(passes(R"({"tokenizer_class":")" + std::string(name) + R"("})")) << name;
  EXPECT_TRUE(passes("{}"));
  EXPECT_TRUE(passes("{}", R"({"model_type":"bert"})"));
  EXPECT_FALSE(passes("{}", R"({"model_type":"distilbert"})"));
  EXPECT_FALSE(passes(R"({"tokenizer_class":"BertTokenizer","model_input_names":["input_ids","attention_mask"]})"));
  EXPECT_TRUE(passes(R"({"tokenizer_class":"DistilBertTokenizer","model_input_names":["token_type_ids"]})"));
  os.files["m/tokenizer_config.json"] = R"({"model_input_names":"input_ids"})";
  EXPECT_EQ(Tokenizer::open(os, ledger, "m").error().code, ErrorCode::corrupt_file);
  for (const char* other : {R"({"split_special_tokens":true})", R"({"fast_tokenizer_files":["tokenizer.json","tokenizer.4.0.0.json"]})"}) {
    os.files["m/tokenizer_config.json"] = other;
    EXPECT_EQ(Tokenizer::open(os, ledger, "m").error().code, ErrorCode::unsupported) << other;
  }
  os.files["m/tokenizer_config.json"] = R"({"fast_tokenizer_files":["tokenizer.json"],"max_len":7})";
  EXPECT_EQ(Tokenizer::open(os, ledger, "m")->model_max_length(), 7);
}

TEST_F(TokenizerApi, NoFilesAreNotFound) {
  os.files["m/config.json"] = "{}";
  const auto tokenizer = Tokenizer::open(os, ledger, "m");
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace plimsoll::testing
