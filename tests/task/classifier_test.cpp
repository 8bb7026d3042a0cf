#include <plimsoll/classifier.h>

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;
using Added = Classifier::Added;

const TinyModel kTiny{.words = 40, .positions = 256};

std::string words(std::int64_t count, std::uint64_t seed = 1) { return testing::tiny_text(kTiny, count, seed); }

/// An Answer that outlives its pass.
struct Kept {
  explicit Kept(const Answer& a)
      : text(a.text),
        truncated(a.truncated),
        replaced(a.replaced),
        ids(a.input_ids.begin(), a.input_ids.end()),
        logits(a.logits.begin(), a.logits.end()),
        scores(a.scores.begin(), a.scores.end()),
        label(a.label) {
    if (a.pair) pair = std::string(*a.pair);
  }
  std::string text;
  std::optional<std::string> pair;
  bool truncated;
  bool replaced;
  std::vector<std::int32_t> ids;
  std::vector<float> logits;
  std::vector<float> scores;
  std::int64_t label;
};

class ClassifierTest : public ::testing::Test {
 protected:
  ClassifierTest() : os_(make_os(gate_)) { use(kTiny); }

  void use(const TinyModel& tiny) {
    testing::write_tiny_model(folder_.path(), tiny);
    std::ofstream(folder_ / "vocab.txt", std::ios::app) << "beyond\n";  // an id that the model has no row for
    auto model = Model::open(*os_, ledger_, {folder_.path(), "", "", false});
    ASSERT_TRUE(model.ok()) << message(model.error());
    model_ = std::make_unique<Model>(std::move(model).value());
  }

  /// A classifier for texts of at most `longest` tokens, cut at `limit`.
  void start(std::int64_t longest, std::int64_t batch, std::uint64_t longest_text_bytes = 0, std::int64_t limit = 0) {
    classifier_.reset();
    session_.reset();
    Workload workload;
    workload.longest = longest;
    workload.batch_size = batch;
    workload.longest_text_bytes = longest_text_bytes;
    const auto machine = describe_machine(*os_, 2);
    const auto plan = make_plan(*model_, *machine, workload, {});
    ASSERT_TRUE(plan.ok()) << message(plan.error());
    ledger_.set_limit(plan->devices.front().arena_total());
    auto session = Session::create(*model_, *plan, {os_.get(), &ledger_, nullptr, {}});
    ASSERT_TRUE(session.ok()) << message(session.error());
    session_ = std::make_unique<Session>(std::move(session).value());
    classifier_ = std::make_unique<Classifier>(*model_, *session_, limit == 0 ? longest : limit);
  }

  Added add(const TextInput& input) {
    const auto added = classifier_->add(input);
    EXPECT_TRUE(added.ok()) << message(added.error());
    return added.ok() ? *added : Added::pass_full;
  }

  std::vector<Kept> run() {
    const auto answers = classifier_->run();
    EXPECT_TRUE(answers.ok()) << message(answers.error());
    return answers.ok() ? std::vector<Kept>(answers->begin(), answers->end()) : std::vector<Kept>{};
  }

  Kept alone(const TextInput& input) {
    EXPECT_EQ(add(input), Added::yes);
    const auto answers = run();
    EXPECT_EQ(answers.size(), 1U);
    return answers.at(0);
  }

  void expect_bad_row(const TextInput& input, const std::string& said) {
    auto added = classifier_->add(input);
    if (added.ok() && *added == Added::pass_full) {
      run();
      added = classifier_->add(input);
    }
    ASSERT_FALSE(added.ok()) << said;
    EXPECT_EQ(added.error().code, ErrorCode::bad_row);
    EXPECT_NE(message(added.error()).find(said), std::string::npos) << message(added.error());
  }

  Gate gate_;
  std::unique_ptr<Os> os_;
  testing::TemporaryFolder folder_;
  Ledger ledger_{"cpu", Bytes{std::uint64_t{1} << 40U}};
  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Classifier> classifier_;
};

TEST_F(ClassifierTest, AnswersComeInTheOrderOfTheTextsAndAreTheirOwn) {
  start(24, 5);
  std::vector<Kept> single;
  for (std::uint64_t i = 0; i < 5; ++i) single.push_back(alone({words(1 + 4 * static_cast<std::int64_t>(i), i)}));
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(add({words(1 + 4 * static_cast<std::int64_t>(i), i)}), Added::yes);
  EXPECT_EQ(classifier_->pending(), 5);
  const auto together = run();
  EXPECT_EQ(classifier_->pending(), 0);
  ASSERT_EQ(together.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(together[i].text, single[i].text);
    EXPECT_EQ(together[i].ids, single[i].ids);
    EXPECT_EQ(together[i].logits, single[i].logits);
    EXPECT_EQ(together[i].scores, single[i].scores);
    EXPECT_NEAR(std::accumulate(together[i].scores.begin(), together[i].scores.end(), 0.0F), 1.0F, 1e-5F);
    EXPECT_EQ(together[i].label, std::max_element(together[i].logits.begin(), together[i].logits.end()) - together[i].logits.begin());
  }
}

TEST_F(ClassifierTest, AFullPassRunsAndTheTextIsAddedAgain) {
  start(24, 2);
  EXPECT_EQ(add({words(3, 1)}), Added::yes);
  EXPECT_EQ(add({words(3, 2)}), Added::yes);
  EXPECT_EQ(add({words(3, 3)}), Added::pass_full);
  EXPECT_EQ(classifier_->pending(), 2);
  EXPECT_EQ(run().size(), 2U);
  EXPECT_TRUE(run().empty()) << "the pass was answered";
  EXPECT_EQ(add({words(3, 3)}), Added::yes);
  EXPECT_EQ(run().at(0).text, words(3, 3));
}

TEST_F(ClassifierTest, AnEmptyPassHasNoAnswers) {
  start(8, 2);
  EXPECT_TRUE(run().empty());
  EXPECT_EQ(classifier_->pending(), 0);
}

TEST_F(ClassifierTest, ATextThatIsCutSaysSo) {
  start(8, 2);
  const Kept cut = alone({words(7)});
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.ids.size(), 8U);
  EXPECT_EQ(cut.text, words(7)) << "the text itself is kept whole";
  const Kept whole = alone({words(6)});
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.ids, cut.ids);
  EXPECT_EQ(whole.logits, cut.logits);
}

TEST_F(ClassifierTest, APairIsOneEvenWhenItIsEmpty) {
  start(16, 2);
  const Kept one = alone({"w1 w2"});
  const Kept pair = alone({"w1 w2", "w3"});
  const Kept empty = alone({"w1 w2", ""});
  EXPECT_EQ(one.ids, (std::vector<std::int32_t>{2, 6, 7, 3}));
  EXPECT_EQ(pair.ids, (std::vector<std::int32_t>{2, 6, 7, 3, 8, 3}));
  EXPECT_EQ(empty.ids, (std::vector<std::int32_t>{2, 6, 7, 3, 3}));
  EXPECT_EQ(pair.pair, "w3");
  EXPECT_EQ(empty.pair, "");
  EXPECT_FALSE(one.pair.has_value());
  // The same ids as one text: only the token types tell them apart.
  EXPECT_NE(alone({"w1 w2 [SEP] w3"}).logits, pair.logits);
}

TEST_F(ClassifierTest, EmptyTextsAndControlCharactersAreTexts) {
  start(16, 3);
  EXPECT_EQ(alone({""}).ids, (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(alone({}).ids, (std::vector<std::int32_t>{2, 3})) << "of which nothing is anywhere";
  const std::string nul("w1\0 w2", 6);
  const Kept kept = alone({nul});
  EXPECT_EQ(kept.text, nul);
  EXPECT_FALSE(kept.replaced);
  EXPECT_EQ(kept.ids, (std::vector<std::int32_t>{2, 6, 7, 3})) << "BERT's normaliser drops it";
}

TEST_F(ClassifierTest, IllFormedBytesAreReplacedAndSaid) {
  start(16, 4);
  struct Row {
    std::string raw;
    std::string read;
  };
  const std::string mark = "\xEF\xBF\xBD";
  for (const Row& row : {Row{"w1 \xFF w2", "w1 " + mark + " w2"}, Row{"\xFFw1", mark + "w1"}, Row{"w1\xE2\x82", "w1" + mark},
                         Row{"\xC0\x80", mark + mark}, Row{"\xED\xA0\x80w", mark + mark + mark + "w"}, Row{std::string(3000, '\xFE'), [&] {
                                                                                                             std::string s;
                                                                                                             for (int i = 0; i < 3000; ++i)
                                                                                                               s += mark;
                                                                                                             return s;
                                                                                                           }()}}) {
    const Kept kept = alone({row.raw});
    EXPECT_EQ(kept.text, row.read);
    EXPECT_TRUE(kept.replaced);
    EXPECT_EQ(kept.logits, alone({row.read}).logits);
  }
  const Kept pair = alone({"w1", "\xFF w2"});
  EXPECT_TRUE(pair.replaced);
  EXPECT_EQ(pair.text, "w1");
  EXPECT_EQ(pair.pair, mark + " w2");
  EXPECT_FALSE(alone({"w1 \xC3\xA9"}).replaced);
}

TEST_F(ClassifierTest, TenMegabytesFitInTheMemoryThatWasPlanned) {
  std::string text;
  while (text.size() < 10'000'000) text += words(1000, text.size()) + " ";
  std::string garbage = text;
  garbage[0] = garbage[garbage.size() / 2] = '\xFF';
  start(128, 1, text.size());
  const Kept kept = alone({text});
  EXPECT_TRUE(kept.truncated);
  EXPECT_EQ(kept.ids.size(), 128U);
  EXPECT_EQ(kept.text, text);
  const Kept replaced = alone({garbage});
  EXPECT_TRUE(replaced.replaced && replaced.truncated);
  EXPECT_EQ(replaced.text.size(), text.size() + 4);
  EXPECT_EQ(alone({std::string(10'000'000, '\xFF')}).text.size(), 30'000'000U);
  EXPECT_EQ(ledger_.peak(), session_->plan().devices.front().arena_total());
}

TEST_F(ClassifierTest, WhatWasCountedCanBeRun) {
  std::string marks = "a";
  for (int i = 0; i < 200'000; ++i) marks += "\xCC\x81";
  std::string spoiled = marks;
  for (std::size_t i = 1; i < spoiled.size(); i += 20) spoiled[i] = '\xFF';
  const auto count = [this](const std::string& text) {
    WorkloadCounter counter(*os_, ledger_, model_->tokenizer(), 16);
    EXPECT_TRUE(counter.add({text}).ok());
    return counter.workload();
  };
  for (const std::string& text : {marks, spoiled, marks + std::string(400'000, ' ')}) {
    const Workload counted = count(text);
    ASSERT_EQ(counted.texts, 1);
    start(counted.longest, 1, counted.longest_text_bytes);
    EXPECT_EQ(alone({text}).ids.size(), static_cast<std::size_t>(counted.longest));
    classifier_.reset();
    session_.reset();
    ledger_.set_limit(Bytes{std::uint64_t{1} << 40U});
  }
}

TEST_F(ClassifierTest, APairThatTheLimitHasNoRoomForIsABadRow) {
  start(2, 2, 0, 2);
  const auto pair = classifier_->add({"w1", "w2"});
  ASSERT_FALSE(pair.ok());
  EXPECT_EQ(pair.error().code, ErrorCode::bad_row) << message(pair.error());
  EXPECT_NE(pair.error().advice.find("allow 3 or more"), std::string::npos) << message(pair.error());
  EXPECT_EQ(add({words(1)}), Added::yes) << "the pass goes on";
}

TEST_F(ClassifierTest, ATextOfManyTokensHasRoomForThem) {
  TinyModel deep = kTiny;
  deep.positions = 40'000;
  use(deep);
  const std::string text = words(45'000);
  const auto count = [this](const TextInput& input) {
    WorkloadCounter counter(*os_, ledger_, model_->tokenizer(), 40'000);
    EXPECT_TRUE(counter.add(input).ok());
    return counter.workload();
  };
  for (const TextInput& input : {TextInput{text}, TextInput{text, text}}) {
    const Workload counted = count(input);
    ASSERT_EQ(counted.longest, 40'000);
    start(counted.longest, 1, counted.longest_text_bytes);
    EXPECT_EQ(add(input), Added::yes);
    classifier_.reset();
    session_.reset();
    ledger_.set_limit(Bytes{std::uint64_t{1} << 40U});
  }
}

TEST_F(ClassifierTest, ACancelledTextLeavesThePassUnharmed) {
  start(8, 2);
  CancelToken cancel;
  Classifier classifier(*model_, *session_, 8, &cancel);
  ASSERT_TRUE(classifier.add({words(3)}).ok());
  cancel.cancel();
  const auto stopped = classifier.add({std::string(100'000, 'w')});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_EQ(classifier.pending(), 1);
}

TEST_F(ClassifierTest, TextsThatFillTheMemoryFillThePass) {
  start(8, 8);  // a mebibyte for texts
  const std::string long_text = words(70'000);
  ASSERT_GT(long_text.size(), 250'000U);
  std::vector<Kept> answers;
  int passes = 0;
  for (int i = 0; i < 8; ++i) {
    if (add({long_text}) == Added::yes) continue;
    const auto some = run();
    ++passes;
    EXPECT_GE(some.size(), 2U);
    answers.insert(answers.end(), some.begin(), some.end());
    EXPECT_EQ(add({long_text}), Added::yes);
  }
  const auto rest = run();
  answers.insert(answers.end(), rest.begin(), rest.end());
  EXPECT_GT(passes, 1);
  ASSERT_EQ(answers.size(), 8U);
  for (const Kept& answer : answers) {
    EXPECT_EQ(answer.text, long_text);
    EXPECT_EQ(answer.logits, answers.front().logits);
  }
}

TEST_F(ClassifierTest, ABadRowLeavesThePassUnharmed) {
  start(8, 4, 0, 32);
  const Kept first = alone({words(3, 1)});
  const Kept second = alone({words(5, 2)});
  struct Row {
    std::string text;
    std::string said;
  };
  for (const Row& row : {Row{std::string(3'000'000, 'w'), "too long"}, Row{std::string(900'000, '\xFF'), "too long"},
                         Row{"w1 beyond w2", "token id 45 is outside the model's vocabulary of 45"},
                         Row{words(20), "22 tokens, and at most 8 were planned"}}) {
    EXPECT_EQ(add({words(3, 1)}), Added::yes);
    const auto added = classifier_->add({row.text});
    // For want of room only an empty pass tells.
    if (row.said == "too long") EXPECT_EQ(*added, Added::pass_full);
    else EXPECT_EQ(added.error().code, ErrorCode::bad_row) << row.said;
    EXPECT_EQ(classifier_->pending(), 1);
    EXPECT_EQ(add({words(5, 2)}), Added::yes) << row.said;
    const auto answers = run();
    ASSERT_EQ(answers.size(), 2U) << row.said;
    EXPECT_EQ(answers[0].logits, first.logits) << row.said;
    EXPECT_EQ(answers[1].logits, second.logits) << row.said;
    expect_bad_row({row.text}, row.said);
    expect_bad_row({row.text}, row.said);
    EXPECT_EQ(alone({words(3, 1)}).logits, first.logits) << row.said;
  }
}

TEST_F(ClassifierTest, BadRowsTakeNoRoomFromThePass) {
  start(8, 4);
  EXPECT_EQ(add({words(3)}), Added::yes);
  const std::string bad = "beyond " + words(60'000);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(classifier_->add({bad}).error().code, ErrorCode::bad_row);
  EXPECT_EQ(add({words(60'000)}), Added::yes);
  EXPECT_EQ(run().size(), 2U);
}

TEST_F(ClassifierTest, ScoresOfManyLabelsHaveTheirRoom) {
  TinyModel many = kTiny;
  many.labels = 3000;
  use(many);
  start(8, 16);
  ASSERT_EQ(add({std::string(mib(1).count - kib(80).count, ' ') + "w1"}), Added::yes);
  std::size_t added = 1;
  while (add({"w2"}) == Added::yes) ++added;
  EXPECT_GE(added, 3U);
  EXPECT_LT(added, 16U) << "the memory is full before the pass is";
  const auto answers = run();
  ASSERT_EQ(answers.size(), added);
  for (std::size_t i = 0; i < added; ++i) {
    EXPECT_NEAR(std::accumulate(answers[i].scores.begin(), answers[i].scores.end(), 0.0F), 1.0F, 1e-4F);
    if (i == 0) continue;
    EXPECT_EQ(answers[i].text, "w2");
    EXPECT_EQ(answers[i].scores, answers[1].scores);
  }
}

TEST_F(ClassifierTest, CancelledPassesCanBeRunAgain) {
  CancelToken cancel;
  start(8, 2);
  Workload workload;
  workload.longest = 8;
  const auto plan = make_plan(*model_, *describe_machine(*os_, 1), workload, {});
  Ledger ledger("cpu", Bytes{std::uint64_t{1} << 40U});
  auto session = Session::create(*model_, *plan, {os_.get(), &ledger, &cancel, {}});
  ASSERT_TRUE(session.ok());
  Classifier classifier(*model_, *session, 8);
  ASSERT_TRUE(classifier.add({words(3, 1)}).ok());
  cancel.cancel();
  const auto answers = classifier.run();
  ASSERT_FALSE(answers.ok());
  EXPECT_EQ(answers.error().code, ErrorCode::cancelled);
  EXPECT_EQ(classifier.pending(), 1);
}

TEST_F(ClassifierTest, TheCounterAsksForWhatTheTextsNeed) {
  WorkloadCounter counter(*os_, ledger_, model_->tokenizer(), text_limit(model_->max_tokens(), 12).value());
  for (const std::int64_t n : {3, 30, 1}) ASSERT_TRUE(counter.add({words(n)}).ok());
  ASSERT_TRUE(counter.add({"w1 w2", "w3"}).ok());
  EXPECT_EQ(counter.workload().texts, 4);
  EXPECT_EQ(counter.workload().longest, 12);
  EXPECT_EQ(counter.workload().total_tokens, 5 + 12 + 3 + 6);
  EXPECT_EQ(counter.workload().longest_text_bytes, words(30).size());
}

TEST_F(ClassifierTest, TextsMayBeAsLongAsTheModelAllows) {
  EXPECT_EQ(text_limit(model_->max_tokens(), 0).value(), 256);
  EXPECT_EQ(text_limit(model_->max_tokens(), 256).value(), 256);
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{257}, std::int64_t{1} << 60}) {
    const auto refused = text_limit(model_->max_tokens(), bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
  }
}

}  // namespace
}  // namespace plimsoll
