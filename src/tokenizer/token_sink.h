#pragma once

#include <cstdint>
#include <limits>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::tokenizer {

/// A token of the text: [start, end) in code points.
struct Token {
  std::int32_t id;
  std::uint32_t start;
  std::uint32_t end;
};

/// Takes the tokens of one text in order, counts them all and keeps some.
class TokenSink {
 public:
  struct Policy {
    std::int64_t keep = kAll;    ///< how many to keep
    bool keep_last = false;      ///< the last ones instead of the first
    bool keep_strings = false;   ///< also their strings
    std::int64_t enough = kAll;  ///< `full` once so many were counted
  };
  static constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

  TokenSink(const Policy& policy, std::pmr::memory_resource* memory) : policy_(policy), tokens_(memory), strings_(memory) {}

  /// `string`: how the token is shown.
  void add(const Token& token, std::string_view string);

  /// The text cannot be encoded: the model meets an unknown word and has no token for it.
  void fail_unknown() { unknown_ = true; }
  bool failed() const { return unknown_; }

  /// Gives the text up.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  /// Nothing more needs to be added.
  bool full() const { return stopped_ || unknown_ || count_ >= policy_.enough; }
  bool keeps_strings() const { return policy_.keep_strings; }

  std::int64_t count() const { return count_; }
  /// Kept tokens, and the i-th of them in the order of the text.
  std::size_t kept() const { return tokens_.size(); }
  const Token& token(std::size_t i) const { return tokens_[place(i)]; }
  std::string_view string(std::size_t i) const { return strings_[place(i)]; }

 private:
  std::size_t place(std::size_t i) const {
    const std::size_t at = oldest_ + i;
    return at < tokens_.size() ? at : at - tokens_.size();
  }

  Policy policy_;
  std::int64_t count_ = 0;
  bool unknown_ = false;
  bool stopped_ = false;
  std::size_t oldest_ = 0;  // of the ring of last tokens
  std::pmr::vector<Token> tokens_;
  std::pmr::vector<std::pmr::string> strings_;
};

}  // namespace plimsoll::tokenizer
