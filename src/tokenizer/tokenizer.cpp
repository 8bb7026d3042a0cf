#include <plimsoll/tokenizer.h>

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "hub/model_file.h"
#include "hub/opening.h"
#include "hub/versions.h"
#include "json/json_document.h"
#include "tokenizer/assemble.h"
#include "tokenizer/encoder.h"
#include "tokenizer/files/tokenizer_file.h"

namespace plimsoll {

namespace {

using tokenizer::Lengths;
using tokenizer::Parts;
using tokenizer::TokenSink;
using tokenizer::TruncationStrategy;

constexpr std::size_t kTextLimit = std::size_t{1} << 31U;
constexpr double kUnsetLength = 1e9;

/// What the tokenizer needs of tokenizer_config.json, whatever else is there.
struct Settings {
  std::optional<std::int64_t> model_max_length;
  std::optional<bool> truncate_left;
  bool token_types = true;
};

// transformers takes the arguments that it hands to itself from there as well.
Status refuse_truncation(const JsonValue& config) {
  for (const char* key : {"tokenizer_truncation", "_json_truncation"}) {
    PLIMSOLL_TRY(const auto truncation, config.optional_object(key));
    if (truncation)
      return Error{ErrorCode::unsupported, "a truncation among the settings", truncation->where(), "set truncation_side instead"};
  }
  return {};
}

Result<Settings> read_settings(const JsonValue& config) {
  Settings settings;
  PLIMSOLL_TRY(auto length, config.optional_number("model_max_length"));
  if (!length) {
    PLIMSOLL_TRY(length, config.optional_number("max_len"));  // its name before transformers 3
  }
  if (length && *length >= 1 && *length < kUnsetLength) settings.model_max_length = static_cast<std::int64_t>(*length);
  PLIMSOLL_TRY(const auto side, config.optional_string("truncation_side"));
  if (side) {
    if (*side != "left" && *side != "right")
      return Error{ErrorCode::corrupt_file, "a side is left or right", config.where() + ": truncation_side"};
    settings.truncate_left = *side == "left";
  }
  PLIMSOLL_CHECK(refuse_versions(config, "fast_tokenizer_files", "tokenizer.json"));
  PLIMSOLL_TRY(const bool split, config.bool_or("split_special_tokens", false));
  if (split)
    return Error{ErrorCode::unsupported, "special tokens that are split like text", config.where() + ": split_special_tokens",
                 "remove it, or set it to false"};
  PLIMSOLL_CHECK(refuse_truncation(config));
  return settings;
}

/// How many tokens of the texts may stay, and by which rule they are cut.
struct Room {
  std::int64_t tokens = TokenSink::kAll;
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  bool left = false;
  bool limited = false;

  /// Tokens of a text after which the rest is not read. The same to encode and to count, so that a word that is unknown fails both or none.
  std::int64_t enough(bool is_pair) const { return limited && !left ? tokenizer::enough(is_pair, tokens, strategy) : TokenSink::kAll; }
};

/// The tokens of one text or of two.
struct Texts {
  TokenSink first;
  TokenSink second;
  Lengths lengths = {};  ///< of which remain
  bool truncated = false;
};

Error no_room() { return {ErrorCode::bad_row, "the text needs more memory than is set aside for one", "text", "shorten it or split it"}; }

Error no_memory_resource() { return {ErrorCode::usage, "a text was given no memory to be encoded in", "text", "give a memory resource"}; }

}  // namespace

struct Tokenizer::Impl {
  Impl(Parts p, const Settings& s) : parts(std::move(p)), settings(s) {}

  Parts parts;
  Settings settings;

  Result<Room> room(bool is_pair, const EncodeOptions& options) const;
  /// `policy` without `enough`.
  Result<Texts> read(const EncodeInput& input, const Room& room, TokenSink::Policy policy, const CancelToken* cancel,
                     std::pmr::memory_resource* memory) const;
  Result<Encoding> encode(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const;
  Result<std::int64_t> count(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const;
  Status run(std::string_view text, TokenSink& sink, std::pmr::memory_resource* memory, const CancelToken* cancel) const;
};

Result<Room> Tokenizer::Impl::room(bool is_pair, const EncodeOptions& options) const {
  Room room;
  const std::int64_t added = options.add_special_tokens ? parts.post.added(is_pair) : 0;
  room.left = settings.truncate_left.value_or(parts.truncation && parts.truncation->left);
  if (options.max_length) {
    if (*options.max_length < added)
      return Error{ErrorCode::usage, "at most " + std::to_string(*options.max_length) + " tokens a text leave no room for the special ones",
                   "max_length", "allow " + std::to_string(added) + " or more"};
    room.tokens = *options.max_length - added;
    room.limited = true;
  } else if (options.file_truncation && parts.truncation && parts.truncation->max_length >= added) {
    // A file's limit below the special tokens is none: the `tokenizers` package wraps around there.
    room.tokens = parts.truncation->max_length - added;
    room.strategy = parts.truncation->strategy;
    room.left = parts.truncation->left;
    room.limited = true;
  }
  return room;
}

Status Tokenizer::Impl::run(std::string_view text, TokenSink& sink, std::pmr::memory_resource* memory, const CancelToken* cancel) const {
  if (text.size() >= kTextLimit) return Error{ErrorCode::bad_row, "a text of 2 GiB or more", "text", "split it"};
  tokenizer::encode_text(parts, text, sink, memory, cancel);
  if (sink.stopped()) return Error{ErrorCode::cancelled, "stopped on request", "text"};
  if (sink.failed())
    return Error{ErrorCode::bad_row, "a word is not in the vocabulary, and neither is the token for unknown words", parts.unknown_key,
                 "name a token of the vocabulary there"};
  return {};
}

Result<Texts> Tokenizer::Impl::read(const EncodeInput& input, const Room& room, TokenSink::Policy policy, const CancelToken* cancel,
                                    std::pmr::memory_resource* memory) const {
  const bool is_pair = input.pair.has_value();
  policy.enough = room.enough(is_pair);
  Texts texts{TokenSink(policy, memory), TokenSink(policy, memory)};
  PLIMSOLL_CHECK(run(input.text, texts.first, memory, cancel));
  if (is_pair) PLIMSOLL_CHECK(run(*input.pair, texts.second, memory, cancel));
  const Lengths all{texts.first.count(), texts.second.count()};
  texts.lengths = all;
  if (room.limited) {
    PLIMSOLL_TRY(texts.lengths, tokenizer::truncate(all, is_pair, room.tokens, room.strategy));
  }
  texts.truncated = texts.lengths.first < all.first || texts.lengths.second < all.second;
  return texts;
}

Result<Encoding> Tokenizer::Impl::encode(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const {
  const bool is_pair = input.pair.has_value();
  PLIMSOLL_TRY(const Room room, this->room(is_pair, options));
  PLIMSOLL_TRY(const Texts texts, read(input, room, {room.tokens, room.left, options.keep_tokens}, options.cancel, memory));
  const auto range = [&](const TokenSink& sink, std::int64_t length) {
    const auto size = static_cast<std::size_t>(length);
    return tokenizer::TokenRange{&sink, room.left ? sink.kept() - size : 0, size};
  };
  Encoding encoding(memory);
  encoding.truncated = texts.truncated;
  const tokenizer::Padding* padding = options.file_padding && parts.padding ? &*parts.padding : nullptr;
  tokenizer::assemble(parts.post, is_pair, range(texts.first, texts.lengths.first), range(texts.second, texts.lengths.second),
                      options.add_special_tokens, padding, options.keep_tokens, encoding);
  return encoding;
}

Result<std::int64_t> Tokenizer::Impl::count(const EncodeInput& input, const EncodeOptions& options,
                                            std::pmr::memory_resource* memory) const {
  const bool is_pair = input.pair.has_value();
  PLIMSOLL_TRY(const Room room, this->room(is_pair, options));
  PLIMSOLL_TRY(const Texts texts, read(input, room, {.keep = 0}, options.cancel, memory));
  return parts.post.length(is_pair, texts.lengths, options.add_special_tokens);
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::open(Os& os, Ledger& ledger, const std::string& directory) try {
  PLIMSOLL_TRY(const auto folder, open_model_folder(os, directory));
  Opening opening;
  return open(os, ledger, *folder, opening);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<Tokenizer> Tokenizer::open(Os& os, Ledger& ledger, Folder& folder, Opening& opening) try {
  const bool json = folder.has("tokenizer.json");
  PLIMSOLL_TRY(const tokenizer::SettingsFiles files, tokenizer::SettingsFiles::read(folder, opening));
  Settings settings;
  if (files.config) {
    PLIMSOLL_TRY(settings, read_settings(files.config->root()));
  }
  PLIMSOLL_TRY(settings.token_types, tokenizer::passes_token_types(files));
  if (!json && !folder.has("vocab.txt"))
    return Error{ErrorCode::not_found, "no tokenizer.json and no vocab.txt", folder.path(),
                 "name a directory that holds a tokenizer's files"};
  PLIMSOLL_TRY(const auto file, folder.open(json ? "tokenizer.json" : "vocab.txt"));
  PLIMSOLL_CHECK(opening.take(file->size(), *file));
  PLIMSOLL_TRY(Parts parts, json ? tokenizer::read_tokenizer_json(os, ledger, *file, files, opening.cancel())
                                 : tokenizer::read_vocab_txt(os, ledger, *file, files, opening.cancel()));
  auto impl = std::make_unique<Impl>(std::move(parts), settings);
  Status bound = impl->parts.model->bind(impl->parts.tables.vocabulary());
  if (!bound.ok()) bound.error().where = file->path() + ": " + bound.error().where;
  PLIMSOLL_CHECK(std::move(bound));
  return Tokenizer(std::move(impl));
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<Encoding> Tokenizer::encode(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const try {
  if (memory == nullptr) return no_memory_resource();
  return impl_->encode(input, options, memory);
} catch (const std::bad_alloc&) {
  return no_room();
}

Result<std::int64_t> Tokenizer::count(const EncodeInput& input, const EncodeOptions& options, std::pmr::memory_resource* memory) const try {
  if (memory == nullptr) return no_memory_resource();
  return impl_->count(input, options, memory);
} catch (const std::bad_alloc&) {
  return no_room();
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  const tokenizer::AddedTokens& added = impl_->parts.tables.added();
  std::vector<std::string> tokens;
  for (const std::int32_t id : ids) {
    const auto string = token(id);
    if (!string) continue;
    const tokenizer::AddedToken* same = skip_special_tokens ? added.find(*string) : nullptr;
    if (same == nullptr || !same->special) tokens.emplace_back(*string);
  }
  for (const auto& decoder : impl_->parts.decoders) decoder->apply(tokens);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && impl_->parts.decoders.empty()) text += ' ';
    text += tokens[i];
  }
  return text;
}

std::optional<std::string_view> Tokenizer::token(std::int32_t id) const {
  if (const tokenizer::AddedToken* added = impl_->parts.tables.added().find(id))
    return added->normalized ? added->normalized_content : added->content;
  return impl_->parts.tables.vocabulary().token(id);
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  const tokenizer::AddedToken* added = impl_->parts.tables.added().find(token);
  return added != nullptr ? std::optional(added->id) : impl_->parts.tables.vocabulary().id(token);
}

bool Tokenizer::is_special(std::int32_t id) const {
  const tokenizer::AddedToken* added = impl_->parts.tables.added().find(id);
  return added != nullptr && added->special;
}

std::int32_t Tokenizer::max_id() const {
  const std::int32_t of_padding = impl_->parts.padding ? impl_->parts.padding->id : -1;
  return std::max(
      {impl_->parts.tables.vocabulary().max_id(), impl_->parts.tables.added().max_id(), impl_->parts.post.max_id(), of_padding});
}

std::int64_t Tokenizer::added_tokens(bool pair) const { return impl_->parts.post.added(pair); }
std::optional<std::int64_t> Tokenizer::model_max_length() const { return impl_->settings.model_max_length; }
bool Tokenizer::passes_token_types() const { return impl_->settings.token_types; }
bool Tokenizer::has_file_truncation() const { return impl_->parts.truncation.has_value(); }
bool Tokenizer::has_file_padding() const { return impl_->parts.padding.has_value(); }
Bytes Tokenizer::table_bytes() const { return impl_->parts.tables.size(); }

}  // namespace plimsoll
