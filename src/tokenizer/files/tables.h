#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "memory/arena.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/parts/normalizer.h"
#include "tokenizer/vocabulary.h"

namespace plimsoll::tokenizer {

/// Where tokens stand, for errors.
struct TokenPlaces {
  std::string folder;
  std::string file;  ///< the tokenizer's own, with its path

  /// Of an added token.
  std::string added(TokenSource source) const;
};

/// An added token as a file tells it.
struct AddedTokenSpec {
  std::string_view content;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
  TokenSource source = TokenSource::tokenizer;
  std::int32_t id = -1;  ///< of one that is told by it; not the one that it gets
};

/// Receives the vocabulary and the added tokens of a file in its order; strings are valid during the call. Errors name the file.
class TableListener {
 public:
  virtual ~TableListener() = default;
  /// `id` >= 0.
  virtual Status on_token(std::string_view token, std::int32_t id) = 0;
  virtual Status on_added(const AddedTokenSpec& token) = 0;
};

/// First reading: how much there is.
class TableCounter final : public TableListener {
 public:
  explicit TableCounter(TokenPlaces where) : places(std::move(where)) {}

  Status on_token(std::string_view token, std::int32_t id) override;
  Status on_added(const AddedTokenSpec& token) override;

  const TokenPlaces places;
  std::uint64_t tokens = 0;
  std::uint64_t added = 0;
  std::uint64_t bytes = 0;

 private:
  Status count_bytes(std::string_view token);
};

/// What to make of a token that occurs twice in the vocabulary.
enum class Repeated : std::uint8_t { refuse, last };

/// Second reading: vocabulary and added tokens, in arenas of exactly the size that was counted, charged as `tables`.
class Tables final : public TableListener {
 public:
  Tables() = default;
  static Result<Tables> create(Os& os, Ledger& ledger, const TableCounter& counted);

  Status on_token(std::string_view token, std::int32_t id) override;
  Status on_added(const AddedTokenSpec& token) override;

  /// After the second reading: sorts, gives ids to the added tokens as the `tokenizers` package does (that of the same token
  /// in the vocabulary, else the next free one, for tokens of other files behind the largest of an added token; the file's own is not
  /// asked) and normalizes those that want it.
  Status finish(Os& os, Ledger& ledger, const Normalizers& normalizers, Repeated repeated);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const AddedTokens& added() const { return added_tokens_; }
  Bytes size() const { return arena_.size() + normalized_arena_.size(); }

 private:
  Status sort_vocabulary(Repeated repeated);
  Status name_added();
  Status check_overlaps(const SortedStrings& patterns) const;
  Status normalize_added(Os& os, Ledger& ledger, const Normalizers& normalizers);
  SortedStrings pattern_table(std::span<StringEntry> entries, bool normalized, std::span<const char> bytes);
  Error changed() const;

  TokenPlaces places_;
  Arena arena_;
  Arena normalized_arena_;
  std::span<char> bytes_;
  std::span<StringEntry> entries_;  // of the vocabulary
  std::span<std::uint32_t> by_id_;
  std::span<AddedToken> added_;
  std::span<std::uint32_t> added_by_id_;
  std::span<StringEntry> contents_;  // of the added tokens
  std::span<StringEntry> raw_;
  std::span<StringEntry> normalized_;
  std::size_t bytes_used_ = 0;
  std::size_t entries_used_ = 0;
  std::size_t added_used_ = 0;
  Vocabulary vocabulary_;
  AddedTokens added_tokens_;
};

}  // namespace plimsoll::tokenizer
