#include "doctor/denial.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/letters.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

// What is longer holds more than one, or more than names.
constexpr std::size_t kLongestSentence = 200;
constexpr std::size_t kLongestHeading = 400;

using Words = std::span<const std::string_view>;

/// Whether `word`, with which a sentence may begin, is one of `words`.
bool is_one_of(std::string_view word, Words words) {
  const auto is = [&](std::string_view each) {
    return word.size() == each.size() && (word[0] | 0x20) == each[0] && word.substr(1) == each.substr(1);
  };
  return std::ranges::any_of(words, is);
}

/// Takes the last word off `text`.
std::string_view take_last_word(std::string_view& text) {
  text = without(text, " ");
  const std::string_view word = text.substr(text.find_last_of(' ') + 1);
  text.remove_suffix(word.size());
  return word;
}

/// What stands behind the last of `marks` and, in a table, in the last column: the end of it, if it is very long.
std::string_view behind_last(std::string_view text, std::string_view marks) {
  text.remove_prefix(text.size() - std::min(text.size(), kLongestSentence));
  text.remove_prefix(text.find_last_of(marks) + 1);
  const std::size_t column = text.rfind("  ");
  return column == kNowhere ? text : text.substr(column + 2);
}

bool negates(std::string_view word) {
  static constexpr std::array<std::string_view, 2> kWords = {"not", "never"};
  return is_one_of(word, kWords) || word.ends_with("n't");
}

/// Whether a 0 behind `before` is a count: "0", "Detected 0", "there were 0". Behind what it is the number of, it is none: "Worker 0".
bool counts(std::string_view before) {
  static constexpr std::array<std::string_view, 14> kLinks = {"and", "are",  "found", "had",   "has", "have", "is",
                                                              "of",  "only", "saw",   "total", "was", "were", "with"};
  const std::string_view word = take_last_word(before);
  return word.empty() || word.ends_with("ed") || is_one_of(word, kLinks);
}

/// Whether a clause that ends in `clause` says that nothing was killed: "No", "0 pods", "wasn't", "was never killed by the", "would be".
/// What "may have been" killed is told.
bool denies(std::string_view clause) {
  static constexpr std::array<std::string_view, 3> kNone = {"no", "none", "nothing"};
  // Of the kill alone where these follow: "would be", but "the pod that can use 2 GiB was".
  static constexpr std::array<std::string_view, 6> kUnreal = {"avoid", "can", "should", "will", "without", "would"};
  static constexpr std::array<std::string_view, 4> kOfTheKill = {"be", "being", "get", "have"};
  static constexpr std::array<std::string_view, 3> kPossible = {"could", "may", "might"};
  constexpr int kWords = 5;
  bool past = false;
  bool of_the_kill = true;
  for (int words = 0; words < kWords; ++words) {
    const std::string_view word = take_last_word(clause);
    if (word.empty() || word == "and") return false;
    if (negates(word) || is_one_of(word, kNone) || (of_the_kill && is_one_of(word, kUnreal)) || (word == "0" && counts(clause)))
      return true;
    // "May" is a month.
    if (!past && std::ranges::find(kPossible, word) != kPossible.end()) return true;
    past = past || word == "have";
    of_the_kill = std::ranges::find(kOfTheKill, word) != kOfTheKill.end();
  }
  return false;
}

/// Whether a sentence that ends in `sentence` has a condition: "if the pod is", but not one of something else: "unclear if ..., but".
bool supposes(std::string_view sentence) {
  static constexpr std::array<std::string_view, 3> kConditions = {"if", "unless", "whether"};
  for (std::string_view word = take_last_word(sentence); !word.empty() && word != "but"; word = take_last_word(sentence)) {
    word.remove_prefix(std::min(word.find_first_not_of("\"'"), word.size()));
    if (is_one_of(word, kConditions)) return true;
  }
  return false;
}

/// Whether the denial ends the line above, and this one only goes on: "was not" and "killed by the". A line that ends in "0" or "no" may as
/// well be a whole one.
bool denies_above(std::string_view above, std::string_view before) {
  static constexpr std::array<std::string_view, 5> kLinks = {"been", "being", "killed", "by", "the"};
  while (!without(before, " ").empty()) {
    if (!is_one_of(take_last_word(before), kLinks)) return false;
  }
  return negates(take_last_word(above));
}

/// "0", "0.0".
bool is_zero(std::string_view number) { return number.find('0') != kNowhere && number.find_first_not_of("0.") == kNowhere; }

/// "} 0": the value of a metric of Prometheus's, behind its labels.
bool counts_none(std::string_view behind) {
  const std::size_t labels = behind.rfind('}');
  if (!behind.starts_with('"') || labels == kNowhere) return false;
  const std::string_view value = behind.substr(std::min(behind.find_first_not_of(' ', labels + 1), behind.size()));
  return is_zero(value.substr(0, value.find(' ')));
}

/// ": 0", "\": false", "': None", "=no": what `docker inspect` and others say of a container that was not. `at`: behind the name.
bool is_none(const MessageText& text, std::size_t at) {
  static constexpr std::array<std::string_view, 2> kValues = {"false", "null"};
  // With which a sentence may begin, too: "OOMKilled: no memory was left".
  static constexpr std::array<std::string_view, 4> kWords = {"no", "none", "off", "~"};
  // And the mark of a line that was broken between name and value.
  static constexpr std::string_view kQuotes = "\"'\\\n";
  const std::string_view all = text.text();
  at = std::min(all.find_first_not_of(kQuotes, at), all.size());
  if (!text.starts(":", at) && !text.starts("=", at)) return false;
  at = std::min(all.find_first_not_of(kQuotes, at + 1), all.size());
  if (is_zero(all.substr(at, all.find_first_not_of("0123456789.", at) - at))) return true;
  const auto ends = [&](std::string_view word) {
    const std::size_t end = at + word.size();
    return text.starts(word, at) && (end >= all.size() || (!is_letter(all[end]) && !is_digit(all[end])));
  };
  return std::ranges::any_of(kValues, [&](std::string_view value) { return text.starts(value, at); }) || std::ranges::any_of(kWords, ends);
}

/// Whether a row of a table in the line below says true or false.
bool has_truth_below(const MessageText& text) {
  const std::size_t begin = text.line_end();
  const std::size_t end = text.text().find('\n', begin + 1);
  return text.has("true", begin, end) || text.has("false", begin, end);
}

/// "NAME   OOMKilled   EXIT", "name,OOMKilled,exit_code". A row has a number in it, or names that are not in capitals.
bool is_heading(std::string_view before, std::string_view behind, const MessageText& text) {
  if (before.size() + behind.size() > kLongestHeading) return false;
  const auto has = [&](const auto& is) { return std::ranges::any_of(before, is) || std::ranges::any_of(behind, is); };
  if (has([](char c) { return is_digit(c) || std::string_view(":=[{").find(c) != kNowhere; })) return false;
  if (before.ends_with('"') && behind.starts_with('"')) {
    before.remove_suffix(1);
    behind.remove_prefix(1);
  }
  const bool listed = before.ends_with(',') || behind.starts_with(',');
  if (!listed && !before.ends_with("  ") && !behind.starts_with("  ")) return false;
  if (has_truth_below(text)) return true;
  if (listed) return std::ranges::count(before, ',') + std::ranges::count(behind, ',') > 1 && !has([](char c) { return c == ' '; });
  const auto words = [](std::string_view part) {
    int count = 0;
    while (!take_last_word(part).empty()) ++count;
    return count;
  };
  return words(before) + words(behind) > 1 && !has([](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

bool is_denied(const Place& place, std::string_view before) {
  return denies(behind_last(before, ".,;:()")) || supposes(behind_last(before, ".;:()")) || denies_above(place.above, before);
}

bool is_only_a_name(const Place& place) {
  static constexpr std::string_view kName = "OOMKill";
  static constexpr std::string_view kTail = "ed";
  const std::string_view before = place.line.substr(0, place.at - std::min(place.at, kName.size()));
  const std::string_view behind = place.line.substr(std::min(place.at + kTail.size(), place.line.size()));
  return is_none(place.text, place.text.here() + kTail.size()) || counts_none(behind) || is_heading(before, behind, place.text);
}

}  // namespace plimsoll::doctor
