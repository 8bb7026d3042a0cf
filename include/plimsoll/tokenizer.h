#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>
#include <plimsoll/cancel.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll {
class Opening;
}  // namespace plimsoll

#pragma GCC visibility push(default)

namespace plimsoll {

class Ledger;

/// True when `text` is well-formed UTF-8.
bool is_utf8(std::string_view text);

/// Appends `text` to `out` with each maximal ill-formed part replaced by U+FFFD, as Python's errors="replace" does.
void utf8_replace(std::string_view text, std::pmr::string& out);

/// Where a token lies in its text, in Unicode code points: [start, end). {0, 0} for tokens that are not of the text.
struct TextSpan {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

/// A tokenized text or pair. All vectors but `tokens` have the same size; they live in the resource given to `encode`.
struct Encoding {
  explicit Encoding(std::pmr::memory_resource* memory)
      : ids(memory), type_ids(memory), offsets(memory), special(memory), attention(memory), tokens(memory) {}

  std::pmr::vector<std::int32_t> ids;
  std::pmr::vector<std::int32_t> type_ids;
  std::pmr::vector<TextSpan> offsets;         ///< of a pair each in its own text
  std::pmr::vector<std::uint8_t> special;     ///< 1: put there by the template or by padding; 0: of the text
  std::pmr::vector<std::uint8_t> attention;   ///< 0: padding
  std::pmr::vector<std::pmr::string> tokens;  ///< as the `tokenizers` package shows them; empty unless asked for
  bool truncated = false;                     ///< tokens of the text were left out
};

/// What to encode: one text, or a pair when `pair` is present, even if empty. Ill-formed UTF-8 is read as if it had
/// gone through `utf8_replace`.
struct EncodeInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;
};

struct EncodeOptions {
  /// At most so many tokens, special ones included; pairs are cut longest first. Goes before the file's own truncation.
  std::optional<std::int64_t> max_length = std::nullopt;
  bool add_special_tokens = true;
  /// Apply the truncation that tokenizer.json asks for, where `max_length` is not given.
  bool file_truncation = false;
  /// Apply the padding that tokenizer.json asks for.
  bool file_padding = false;
  /// Fill `Encoding::tokens`.
  bool keep_tokens = false;
  /// Looked at every few thousand code points: a text of any length is given up at once with `cancelled`. May be null.
  const CancelToken* cancel = nullptr;
};

/// Text to token ids, as the Python package `tokenizers` does it with the same tokenizer.json (ids, tokens, offsets, type
/// ids), or as `transformers` does it for BERT when there is only vocab.txt. Immutable: any number of threads may use one.
/// The vocabulary lives in arenas charged to the ledger under MemoryTag::tables; everything else is a few KiB of heap.
class Tokenizer {
 public:
  /// Reads tokenizer.json or else vocab.txt, and tokenizer_config.json if there, from `directory`. Nothing else is needed.
  /// Fails with `not_found`, `corrupt_file` (naming file and key), `unsupported` (naming the part) or `out_of_memory`.
  /// Transient heap is at most 1 MiB (and six times a string above 100 KiB, if the file has one), 6 MiB of the files beside it, and, where
  /// `ledger` has room for it, 128 bytes and its own for each token that they name. `os` and `ledger` must outlive the result.
  static Result<Tokenizer> open(Os& os, Ledger& ledger, const std::string& directory);
  /// For the library's own rooms, not exported: the same of a folder that is open, as a part of `opening`.
  [[gnu::visibility("hidden")]] static Result<Tokenizer> open(Os& os, Ledger& ledger, Folder& folder, Opening& opening);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Result and scratch memory come from `memory` alone. Time is linear in the text; scratch is bounded by the longest
  /// piece that must be seen as a whole (a word up to the model's limit, a run of combining marks or of white space, packed:
  /// at most 1.5 times its own bytes a normalizer), and kept tokens by the truncation: the rest is streamed, and reading
  /// stops once the answer is settled.
  /// Fails with `bad_row` when `memory` is used up (std::bad_alloc) or the text cannot be truncated as asked, and with
  /// `usage` when max_length leaves no room for the special tokens, and with `cancelled`.
  Result<Encoding> encode(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const;

  /// How many tokens `encode` would give, keeping none of them; padding is not counted. Scratch as for `encode`.
  Result<std::int64_t> count(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const;

  /// The text of these tokens, joined and cleaned by the file's decoder; unknown ids are left out. Uses the heap.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const;

  /// The string of a token; nothing for an id that is none. Lives as long as the tokenizer.
  std::optional<std::string_view> token(std::int32_t id) const;
  std::optional<std::int32_t> id(std::string_view token) const;

  /// True for the special added tokens ([CLS], [MASK], ...).
  bool is_special(std::int32_t id) const;

  /// Largest id that `encode` can give, -1 when there is none: the rows that an embedding table must have, less one.
  std::int32_t max_id() const;

  /// Tokens that the template adds to one text or to a pair.
  std::int64_t added_tokens(bool pair) const;

  /// `model_max_length` of tokenizer_config.json, in tokens; nothing when absent or 10^9 and more, which means unset.
  std::optional<std::int64_t> model_max_length() const;

  /// Whether a model is given the token types of an encoding, by the settings beside the tokenizer; else all its tokens are of type 0.
  bool passes_token_types() const;

  /// Whether a file asks for its own truncation or padding.
  bool has_file_truncation() const;
  bool has_file_padding() const;

  /// What the vocabulary takes of the ledger.
  Bytes table_bytes() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);

  std::unique_ptr<const Impl> impl_;
};

}  // namespace plimsoll

#pragma GCC visibility pop
