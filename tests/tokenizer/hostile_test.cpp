// Files that are broken, or larger than they need be: a typed error that names file and key, and nothing left behind.
#include <ctime>

#include "hub/opening.h"
#include "tokenizer/files/tables.h"
#include "tokenizer/tokenizer_fixture.h"

namespace plimsoll::testing {
namespace {

struct Case {
  const char* name;
  std::string file;
  ErrorCode code;
  const char* where;  ///< must occur in the message
};

/// A good file with one section replaced or added.
std::string with(const std::string& section, const std::string& value) {
  Json file = Json::parse(R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,
    "model":{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"a":0}}})");
  file[section] = "@";
  std::string text = file.dump();
  return text.replace(text.find("\"@\""), 3, value);
}

std::string model(const std::string& rest) {
  return with("model",
              R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"##","max_input_chars_per_word":100)" + rest + "}");
}

std::string vocabulary(const std::string& pairs) { return model(",\"vocab\":" + pairs); }

std::string nested(std::size_t depth, const char* key) {
  std::string open, close;
  for (std::size_t i = 0; i < depth; ++i) {
    open += std::string(R"({"type":"Sequence",")") + key + "\":[";
    close += "]}";
  }
  return open + R"({"type":"NFC"})" + close;
}

std::string many(std::size_t count, const std::string& element) {
  std::string list = "[";
  for (std::size_t i = 0; i < count; ++i) list += (i > 0 ? "," : "") + element;
  return list + "]";
}

constexpr auto kCorrupt = ErrorCode::corrupt_file;
constexpr auto kUnsupported = ErrorCode::unsupported;

std::vector<Case> broken_models() {
  return {
      {"empty", "", kCorrupt, "tokenizer.json"},
      {"not JSON", "{\"model\":", kCorrupt, "tokenizer.json"},
      {"a list", "[]", kCorrupt, "tokenizer.json"},
      {"a number", "1", kCorrupt, "tokenizer.json"},
      {"no model", R"({"version":"1.0"})", kCorrupt, "model"},
      {"model null", with("model", "null"), kCorrupt, "model"},
      {"model a list", with("model", "[]"), kCorrupt, "model"},
      {"unknown section", with("later", "1"), kUnsupported, "tokenizer.json: later"},
      {"other version", with("version", "\"2.0\""), kUnsupported, "version"},
      {"version a number", with("version", "1"), kCorrupt, "version"},
      {"two models", R"({"model":{"type":"WordPiece"},"model":{}})", kCorrupt, "model"},
      {"two vocabularies", model(R"(,"vocab":{"a":0},"vocab":{"a":0})"), kCorrupt, "vocab"},
      {"two lists of added tokens", R"({"added_tokens":[],"added_tokens":[]})", kCorrupt, "added_tokens"},
      {"no vocabulary", model(""), kCorrupt, "model.vocab"},
      {"vocabulary null", vocabulary("null"), kCorrupt, "model.vocab"},
      {"vocabulary a number", vocabulary("7"), kCorrupt, "model.vocab"},
      {"vocabulary a list", vocabulary(R"([["a",0.5]])"), kCorrupt, "model.vocab"},
      {"repeated token", vocabulary(R"({"a":0,"b":1,"a":2})"), kCorrupt, "model.vocab"},
      {"negative id", vocabulary(R"({"a":-1})"), kCorrupt, "model.vocab.a"},
      {"id of 2^31", vocabulary(R"({"a":2147483648})"), kCorrupt, "model.vocab.a"},
      {"id of 2^64", vocabulary(R"({"a":18446744073709551616})"), kCorrupt, "model.vocab.a"},
      {"fractional id", vocabulary(R"({"a":0.5})"), kCorrupt, "model.vocab.a"},
      {"id a string", vocabulary(R"({"a":"0"})"), kCorrupt, "model.vocab.a"},
      {"id null", vocabulary(R"({"a":null})"), kCorrupt, "model.vocab.a"},
      {"id an object", vocabulary(R"({"a":{}})"), kCorrupt, "model.vocab.a"},
      {"unknown token not a string", with("model", R"({"type":"WordPiece","unk_token":7,"vocab":{}})"), kCorrupt, "unk_token"},
      {"no longest word", with("model", R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","vocab":{}})"), kCorrupt,
       "max_input_chars_per_word"},
      {"longest word negative",
       with("model", R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":-1,"vocab":{}})"),
       kCorrupt, "max_input_chars_per_word"},
      {"longest word huge",
       with("model",
            R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":1000000,"vocab":{}})"),
       kUnsupported, "max_input_chars_per_word"},
      {"longest word beyond what is held",
       with("model", R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":8193,"vocab":{}})"),
       kUnsupported, "max_input_chars_per_word"},
      {"word beyond what is held",
       with("model", R"({"type":"WordLevel","unk_token":"a","vocab":{"a":0,")" + std::string(8193, 'b') + R"(":1}})"), kUnsupported,
       "8193"},
      {"BPE", with("model", R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})"), kUnsupported, "BPE"},
      {"BPE without a type", with("model", R"({"vocab":{"a":0},"merges":["a b"]})"), kUnsupported, "BPE"},
      {"Unigram", with("model", R"({"type":"Unigram","unk_id":0,"vocab":[["a",0.5]]})"), kUnsupported, "Unigram"},
      {"model of no kind", with("model", R"({"vocab":{"a":0}})"), kUnsupported, "model"},
  };
}

/// A file with one added token of which `text` becomes `other`.
std::string with_added(const std::string& text, const std::string& other) {
  std::string token = added_token("x");
  return with("added_tokens", "[" + token.replace(token.find(text), text.size(), other) + "]");
}

std::vector<Case> broken_added_tokens() {
  std::vector<Case> cases = {
      {"added tokens not a list", with("added_tokens", "{}"), kCorrupt, "added_tokens"},
      {"added tokens a number", with("added_tokens", "5"), kCorrupt, "added_tokens"},
      {"added tokens null", with("added_tokens", "null"), kCorrupt, "added_tokens"},
      {"added token a string", with("added_tokens", R"(["a"])"), kCorrupt, "added_tokens"},
      {"added token a list", with("added_tokens", R"([[]])"), kCorrupt, "added_tokens"},
      {"added token of nothing", with("added_tokens", R"([{}])"), kCorrupt, "added_tokens.id"},
      {"added token of number content", with_added(R"("x")", "1"), kCorrupt, "added_tokens.content"},
      {"added token of null content", with_added(R"("x")", "null"), kCorrupt, "added_tokens.content"},
      {"added id negative", with_added(R"("id":0)", R"("id":-1)"), kCorrupt, "added_tokens.id"},
      {"added id too large", with_added(R"("id":0)", R"("id":4294967296)"), kCorrupt, "added_tokens"},
      {"added id true", with_added(R"("id":0)", R"("id":true)"), kCorrupt, "added_tokens.id"},
      {"added id twice", with_added(R"("id":0)", R"("id":0,"id":0)"), kCorrupt, "added_tokens.id"},
      {"content twice", with_added(R"("content":"x")", R"("content":"x","content":"x")"), kCorrupt, "added_tokens.content"},
      {"flag twice", with_added(R"("lstrip":false)", R"("lstrip":false,"lstrip":false)"), kCorrupt, "added_tokens.lstrip"},
      {"flag a number", with_added(R"("lstrip":false)", R"("lstrip":1)"), kCorrupt, "added_tokens.lstrip"},
      {"flag a list", with_added(R"("special":false)", R"("special":[])"), kCorrupt, "added_tokens.special"},
      {"added token of 5,000 bytes", with("added_tokens", "[" + added_token(std::string(5000, 'x')) + "]"), kCorrupt, "added_tokens"},
      {"too many added tokens", with("added_tokens", many((1U << 18U) + 1, added_token("x"))), kCorrupt, "added_tokens"},
  };
  for (const char* key : {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}) {
    Json token = Json::parse(added_token("x"));
    token.erase(key);
    cases.push_back({key, with("added_tokens", "[" + token.dump() + "]"), kCorrupt, key});
  }
  return cases;
}

std::vector<Case> broken_parts() {
  const std::string empty = R"({"type":"Sequence","normalizers":[]})";
  return {
      {"normalizer unknown", with("normalizer", R"({"type":"Magic"})"), kUnsupported, "Magic"},
      {"normalizer not built", with("normalizer", R"({"type":"Precompiled","precompiled_charsmap":"AAAA"})"), kUnsupported, "Precompiled"},
      {"normalizer by expression", with("normalizer", R"({"type":"Replace","pattern":{"Regex":"(a+)+"},"content":""})"), kUnsupported,
       "Replace"},
      {"normalizer of a million bytes",
       with("normalizer", R"({"type":"Precompiled","precompiled_charsmap":")" + std::string(1U << 19U, 'A') + "\"}"), kUnsupported,
       "Precompiled"},
      {"normalizer with a long string", with("normalizer", R"({"type":"NFC","x":")" + std::string((1U << 14U) + 1, 'A') + "\"}"), kCorrupt,
       "16385"},
      {"normalizer with a long key", with("normalizer", R"({"type":"NFC",")" + std::string((1U << 14U) + 1, 'A') + "\":0}"), kCorrupt,
       "16385"},
      {"long prefix of words",
       with("model", R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":")" + std::string(20'000, '#') +
                         R"(","max_input_chars_per_word":100,"vocab":{"a":0}})"),
       kCorrupt, "20000"},
      {"normalizer a string", with("normalizer", "\"NFC\""), kCorrupt, "normalizer"},
      {"normalizer type a number", with("normalizer", R"({"type":1})"), kCorrupt, "normalizer.type"},
      {"normalizer flag a string",
       with("normalizer", R"({"type":"BertNormalizer","clean_text":"yes","handle_chinese_chars":true,"lowercase":true})"), kCorrupt,
       "normalizer.clean_text"},
      {"normalizers nested 30 deep are read, this is not", with("normalizer", nested(40, "normalizers")), kCorrupt, "tokenizer.json"},
      {"nine normalizers", with("normalizer", R"({"type":"Sequence","normalizers":)" + many(9, R"({"type":"NFC"})") + "}"), kUnsupported,
       "normalizer"},
      {"nine normalizers in three sequences",
       with("normalizer", R"({"type":"Sequence","normalizers":)" +
                              many(3, R"({"type":"Sequence","normalizers":)" + many(3, R"({"type":"NFC"})") + "}") + "}"),
       kUnsupported, "normalizer"},
      {"sequences of empty sequences",
       with("normalizer", R"({"type":"Sequence","normalizers":)" +
                              many(8, R"({"type":"Sequence","normalizers":)" +
                                          many(8, R"({"type":"Sequence","normalizers":)" + many(8, empty) + "}") + "}") +
                              "}"),
       kUnsupported, "normalizer"},
      {"sequence without parts", with("normalizer", R"({"type":"Sequence"})"), kCorrupt, "normalizers"},
      {"splitter by expression", with("pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"(a+)+"}})"), kUnsupported, "Split"},
      {"splitter not built", with("pre_tokenizer", R"({"type":"ByteLevel"})"), kUnsupported, "ByteLevel"},
      {"splitter without a type", with("pre_tokenizer", "{}"), kUnsupported, "pre_tokenizer"},
      {"behavior unknown", with("pre_tokenizer", R"({"type":"Punctuation","behavior":"Eaten"})"), kCorrupt, "behavior"},
  };
}

std::vector<Case> broken_ends() {
  const std::string specials = R"("special_tokens":{"[CLS]":{"id":"[CLS]","ids":[0],"tokens":["[CLS]"]}})";
  return {
      {"post-processor not built", with("post_processor", R"({"type":"RobertaProcessing","sep":["a",0],"cls":["a",0]})"), kUnsupported,
       "Roberta"},
      {"post-processor not built, without a type", with("post_processor", R"({"sep":["a",0],"cls":["a",0],"trim_offsets":true})"),
       kUnsupported, "Roberta"},
      {"template names no special token",
       with("post_processor",
            R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[X]","type_id":0}}],"pair":[],)" + specials + "}"),
       kCorrupt, "[X]"},
      {"template piece of no kind", with("post_processor", R"({"type":"TemplateProcessing","single":[{}],"pair":[],)" + specials + "}"),
       kCorrupt, "single"},
      {"template piece of two kinds",
       with("post_processor",
            R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0},"x":{}}],"pair":[],)" + specials + "}"),
       kCorrupt, "single"},
      {"template of a third text",
       with("post_processor", R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"C","type_id":0}}],"pair":[],)" + specials + "}"),
       kCorrupt, "single"},
      {"template of one text names two",
       with("post_processor", R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],)" + specials + "}"),
       kCorrupt, "post_processor"},
      {"template type negative",
       with("post_processor",
            R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":-1}}],"pair":[],)" + specials + "}"),
       kCorrupt, "type_id"},
      {"template id too large", with("post_processor", R"({"type":"BertProcessing","sep":["a",2147483648],"cls":["a",0]})"), kCorrupt,
       "sep"},
      {"template of a thousand pieces",
       with("post_processor", R"({"type":"TemplateProcessing","single":)" + many(300, R"({"SpecialToken":{"id":"[CLS]","type_id":0}})") +
                                  R"(,"pair":[],)" + specials + "}"),
       kCorrupt, "pieces"},
      {"token of a template of 97 bytes",
       with("post_processor",
            R"({"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{"p":{"id":"p","ids":[0],"tokens":[")" +
                std::string(97, 'p') + R"("]}}})"),
       kCorrupt, "special_tokens.p.tokens[0]"},
      {"token of BERT's template of 97 bytes",
       with("post_processor", R"({"type":"BertProcessing","cls":["a",0],"sep":[")" + std::string(97, 'p') + R"(",0]})"), kCorrupt,
       "sep[0]"},
      {"decoder not built", with("decoder", R"({"type":"Metaspace"})"), kUnsupported, "Metaspace"},
      {"truncation negative", with("truncation", R"({"max_length":-1,"strategy":"LongestFirst","stride":0})"), kCorrupt, "max_length"},
      {"truncation of no kind", with("truncation", R"({"max_length":1,"strategy":"Some","stride":0})"), kCorrupt, "strategy"},
      {"padding huge",
       with("padding", R"({"strategy":{"Fixed":4294967296},"direction":"Right","pad_id":0,"pad_type_id":0,"pad_token":""})"), kCorrupt,
       "Fixed"},
      {"padding direction", with("padding", R"({"strategy":"BatchLongest","direction":"Up","pad_id":0,"pad_type_id":0,"pad_token":""})"),
       kCorrupt, "direction"},
      {"sections of a million values", with("normalizer", many(5000, "1")), kCorrupt, "4,096"},
      {"sections of a megabyte", with("normalizer", many(40, "\"" + std::string(16000, 'x') + "\"")), kCorrupt, "256 KiB"},
  };
}

class TokenizerHostile : public TokenizerTest {
 protected:
  void expect_broken(const Case& broken) {
    SCOPED_TRACE(broken.name);
    const auto tokenizer = open(broken.file);
    ASSERT_FALSE(tokenizer.ok());
    const std::string told = message(tokenizer.error());
    EXPECT_EQ(tokenizer.error().code, broken.code) << told;
    EXPECT_NE(told.find(broken.where), std::string::npos) << told;
    EXPECT_NE(told.find("m/tokenizer.json"), std::string::npos) << told;
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
};

TEST_F(TokenizerHostile, BrokenFilesAreTypedErrors) {
  ASSERT_TRUE(open(with("normalizer", "null")).ok());
  ASSERT_TRUE(open(with("normalizer", nested(20, "normalizers"))).ok());
  for (const auto& table : {broken_models(), broken_added_tokens(), broken_parts(), broken_ends()})
    for (const Case& broken : table) expect_broken(broken);
}

TEST_F(TokenizerHostile, FilesBesideItNameSoManyTokensAtMost) {
  const std::string file = with("added_tokens", "[]");
  const auto beside = [&](int count) {
    std::string named;
    for (int i = 0; i < count; ++i) named += (i > 0 ? ",\"" : "{\"") + std::to_string(i) + "x\":" + std::to_string(i + 100);
    return open(file, {}, {{"added_tokens.json", named + "}"}});
  };
  EXPECT_TRUE(beside(20'000).ok());
  ledger.set_limit(mib(1));
  const auto unread = beside(20'000);
  ASSERT_FALSE(unread.ok());
  EXPECT_EQ(unread.error().code, ErrorCode::out_of_memory) << message(unread.error());
  ledger.set_limit(mib(256));
  const auto more = beside(70'000);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, kUnsupported) << message(more.error());
  EXPECT_NE(more.error().where.find("m/added_tokens.json"), std::string::npos) << message(more.error());
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(TokenizerHostile, NamesOfTokensAreBoundedToo) {
  std::string named;
  for (int i = 0; i < 20'000; ++i) named += (i > 0 ? ",\"" : "{\"") + std::to_string(i) + "_token\":\"" + std::to_string(i) + "x\"";
  const auto beside = [&] { return open(with("added_tokens", "[]"), named + "}"); };
  EXPECT_TRUE(beside().ok());
  ledger.set_limit(mib(1));
  const auto unread = beside();
  ASSERT_FALSE(unread.ok());
  EXPECT_EQ(unread.error().code, ErrorCode::out_of_memory) << message(unread.error());
}

/// Whether they go through many parts, or grow in them: each of BERT's normalizers sets an ideograph apart anew.
TEST_F(TokenizerHostile, AddedTokensThatTakeLongToNormalizeAreRefused) {
  Json file = Json::parse(with("added_tokens", "[]"));
  const auto with_tokens = [&](const char* part, std::size_t parts, const std::string& content, std::size_t count) {
    file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::parse(many(parts, part))}};
    file["added_tokens"] = Json::array();
    for (std::size_t i = 0; i < count; ++i)
      file["added_tokens"].push_back(Json::parse(added_token(std::to_string(i) + content, R"({"normalized":true})")));
    return file.dump();
  };
  constexpr const char* kForm = R"({"type":"NFKC"})";
  constexpr const char* kBert = R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":true})";
  const std::string letters(60, 'x');
  const std::string ideographs = "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad";
  EXPECT_TRUE(open(with_tokens(kForm, 8, letters, 1000)).ok());
  EXPECT_TRUE(open(with_tokens(kBert, 1, ideographs, 50'000)).ok());
  expect_broken({"through many parts", with_tokens(kForm, 8, letters, 40'000), kCorrupt, "added_tokens"});
  expect_broken({"that grow", with_tokens(kBert, 8, ideographs, 50'000), kCorrupt, "added_tokens"});
}

TEST_F(TokenizerHostile, AVocabularyOfManyBytesIsRefusedUnread) {
  os.files["m/vocab.txt"] = std::string(Opening::kBytes + 1, '\n');
  const auto tokenizer = Tokenizer::open(os, ledger, "m");
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::corrupt_file) << message(tokenizer.error());
  EXPECT_NE(message(tokenizer.error()).find("m/vocab.txt"), std::string::npos) << message(tokenizer.error());
}

TEST_F(TokenizerHostile, AddedTokensThatAreFoundInWhatAnotherTakesAreRefused) {
  const auto two = [&](const std::string& a, const std::string& of_a, const std::string& b, const std::string& of_b) {
    return with("added_tokens", "[" + added_token(a, of_a) + "," + added_token(b, of_b) + "]");
  };
  constexpr const char* kTakes = R"({"rstrip":true,"normalized":false})";
  constexpr const char* kPlain = R"({"rstrip":false,"normalized":false})";
  expect_broken({"itself", two(" ", kTakes, "x", kPlain), kUnsupported, "added_tokens"});
  expect_broken({"another", two("<x>", kTakes, "\xC2\xA0y", kPlain), kUnsupported, "added_tokens"});
  EXPECT_TRUE(open(two("<x>", kTakes, "y", kPlain)).ok());
  EXPECT_TRUE(open(two("<x>", kPlain, "  ", kPlain)).ok());
  EXPECT_TRUE(open(two("<x>", kTakes, "  ", R"({"normalized":true})")).ok());
  // BERT's normalizer sets the ideograph apart.
  Json file = Json::parse(two("x", R"({"rstrip":true,"normalized":true})", "\xe4\xb8\xad", R"({"normalized":true})"));
  EXPECT_TRUE(open(file.dump()).ok());
  file["normalizer"] = {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"lowercase", true}};
  expect_broken({"in normalized text", file.dump(), kUnsupported, "added_tokens"});
}

/// Each would be another string to step over, at every place in a text where they nearly match.
TEST_F(TokenizerHostile, TokensThatAreTheSameOnceNormalizedAreLookedForOnce) {
  const auto read = [](tokenizer::TableListener& listener) {
    for (const char* content : {"A", "a\001", "b", "\001a"})
      if (!listener.on_added({.content = content, .normalized = true}).ok()) ADD_FAILURE();
  };
  tokenizer::TableCounter counter({"m", "m/tokenizer.json"});
  read(counter);
  auto tables = tokenizer::Tables::create(os, ledger, counter);
  ASSERT_TRUE(tables.ok());
  read(*tables);
  tokenizer::Normalizers normalizers;
  normalizers.push_back(tokenizer::make_bert_normalizer({}));
  ASSERT_TRUE(tables->finish(os, ledger, normalizers, tokenizer::Repeated::refuse).ok());
  const tokenizer::SortedStrings& patterns = tables->added().normalized();
  ASSERT_EQ(patterns.size(), 2U);
  EXPECT_EQ(tables->added()[patterns.find("a")->value].content, "A") << "the first of them";
}

/// Neither the strings of tokens nor the number of added ones make it slow.
TEST_F(TokenizerHostile, DecodingTakesTimeWithWhatIsDecoded) {
  Json file = Json::parse(vocabulary("{}"));
  std::string blanks;
  for (int i = 0; i < 250'000; ++i) blanks += " .";
  file["model"]["vocab"][blanks] = 0;
  file["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  for (int i = 1; i < 100'000; ++i) file["added_tokens"].push_back(Json::parse(added_token("t" + std::to_string(i))));
  const auto tokenizer = open(file.dump());
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  std::vector<std::int32_t> ids(50'000, 99'998);
  ids.back() = 0;
  const std::clock_t before = std::clock();
  const std::string text = tokenizer->decode(ids, true);
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC);
  EXPECT_TRUE(text.starts_with("t99998 t99998"));
  EXPECT_TRUE(text.ends_with("t99998 " + std::string(250'000, '.')));
}

TEST_F(TokenizerHostile, FilesBesideItAreObjects) {
  const std::string file = with("added_tokens", "[]");
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"})
    for (const char* value : {"[1]", "5", "\"x\"", "null"}) {
      const auto tokenizer = open(file, {}, {{name, value}});
      ASSERT_FALSE(tokenizer.ok()) << name << value;
      EXPECT_EQ(tokenizer.error().code, kCorrupt) << message(tokenizer.error());
      EXPECT_NE(tokenizer.error().where.find("m/" + std::string(name)), std::string::npos) << message(tokenizer.error());
    }
}

/// Be it the tokenizer's or one beside it.
TEST_F(TokenizerHostile, ErrorsOfTokensNameTheirFile) {
  const std::string file = with("added_tokens", "[]");
  const std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n";
  const std::string longest(97, 'm');
  std::string ideographs;
  for (int i = 0; i < 30; ++i) ideographs += "\xe4\xb8\xad";
  const auto refused = [&](const std::map<std::string, std::string>& files) {
    os.files.clear();
    for (const auto& [name, text] : files) os.files["m/" + name] = text;
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    EXPECT_FALSE(tokenizer.ok());
    return tokenizer.ok() ? Error{} : tokenizer.error();
  };
  const std::string settings = R"({"mask_token":")" + longest + "\"}";
  const std::string normalized = R"({"extra_special_tokens":[{"content":")" + ideographs + R"(","special":false,"normalized":true}]})";
  const std::string blanks = R"({"extra_special_tokens":[" x",{"content":"y","rstrip":true,"special":true}]})";
  for (const auto& [name, text] : {std::pair{"tokenizer.json", file}, std::pair{"vocab.txt", lines}}) {
    SCOPED_TRACE(name);
    const Error of_settings = refused({{name, text}, {"tokenizer_config.json", settings}});
    EXPECT_EQ(of_settings.where, "m/tokenizer_config.json");
    EXPECT_NE(of_settings.what.find("\"mmm"), std::string::npos) << of_settings.what;
    EXPECT_EQ(refused({{name, text}, {"special_tokens_map.json", settings}}).where, "m/special_tokens_map.json");
    EXPECT_EQ(refused({{name, text}, {"added_tokens.json", "{\"" + longest + "\":9}"}}).where, "m/added_tokens.json");
    EXPECT_EQ(refused({{name, text}, {"tokenizer_config.json", blanks}}).where, "m/tokenizer_config.json");
  }
  EXPECT_EQ(refused({{"vocab.txt", lines}, {"tokenizer_config.json", normalized}}).where, "m/tokenizer_config.json");
  EXPECT_EQ(refused({{"tokenizer.json", with("added_tokens", "[" + added_token(longest) + "]")}}).where, "m/tokenizer.json: added_tokens");
}

/// Every prefix of a good file, and every byte of it changed, gives a tokenizer or an error, never more.
TEST_F(TokenizerHostile, DamagedFilesNeverCrash) {
  const std::string good = with("normalizer", R"({"type":"Sequence","normalizers":[{"type":"NFC"}]})");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    refused += open(good.substr(0, i)).ok() ? 0 : 1;
    for (const char c : {'"', '0', '{', ']', '\0', '\xff', ','}) {
      std::string bad = good;
      bad[i] = c;
      const auto tokenizer = open(bad);
      if (tokenizer.ok()) {
        static_cast<void>(tokenizer->encode({"a b"}, {}, std::pmr::new_delete_resource()));
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 4 * good.size());
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(TokenizerHostile, BrokenVocabTxt) {
  struct Broken {
    const char* vocabulary;
    const char* config;
    ErrorCode code;
  };
  const std::string long_line(100000, 'x');
  for (const Broken& broken : {
           Broken{"a\n\xff\n", "{}", kCorrupt},
           Broken{long_line.c_str(), "{}", kCorrupt},
           Broken{"a\n", R"({"do_lower_case":"yes"})", kCorrupt},
           Broken{"a\n", R"({"cls_token":5})", kCorrupt},
           Broken{"a\n", R"({"cls_token":{}})", kCorrupt},
           Broken{"a\n", R"({"added_tokens_decoder":[]})", kCorrupt},
           Broken{"a\n", R"({"added_tokens_decoder":{"x":{"content":"a"}}})", kCorrupt},
           Broken{"a\n", R"({"added_tokens_decoder":{"-1":{"content":"a"}}})", kCorrupt},
           Broken{"a\n", R"({"added_tokens_decoder":{"1":{}}})", kCorrupt},
           Broken{"a\n", R"({"tokenizer_class":"T5Tokenizer"})", kUnsupported},
           Broken{"a\n", "[", kCorrupt},
       }) {
    SCOPED_TRACE(broken.config);
    os.files.clear();
    os.files["m/vocab.txt"] = broken.vocabulary;
    os.files["m/tokenizer_config.json"] = broken.config;
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_EQ(tokenizer.error().code, broken.code) << message(tokenizer.error());
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
}

}  // namespace
}  // namespace plimsoll::testing
