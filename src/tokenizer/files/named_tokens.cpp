#include "tokenizer/files/named_tokens.h"

#include <algorithm>
#include <charconv>

namespace plimsoll::tokenizer {
namespace {

struct RoleName {
  std::string_view key;
  std::string_view of_bert;
};

constexpr std::array<RoleName, kRoles> kRoleNames = {{{"bos_token", ""},
                                                      {"eos_token", ""},
                                                      {"unk_token", "[UNK]"},
                                                      {"sep_token", "[SEP]"},
                                                      {"pad_token", "[PAD]"},
                                                      {"cls_token", "[CLS]"},
                                                      {"mask_token", "[MASK]"}}};

NamedToken special_token(std::string_view content) {
  NamedToken token{std::string(content)};
  token.flags.special = true;
  return token;
}

/// An object with "content" and flags.
Status read_token(const JsonValue& value, NamedToken& token) {
  PLIMSOLL_TRY(token.content, value.get_string("content"));
  PLIMSOLL_TRY(token.flags.special, value.bool_or("special", token.flags.special));
  PLIMSOLL_TRY(token.flags.normalized, value.bool_or("normalized", !token.flags.special));
  PLIMSOLL_TRY(token.flags.lstrip, value.bool_or("lstrip", false));
  PLIMSOLL_TRY(token.flags.rstrip, value.bool_or("rstrip", false));
  PLIMSOLL_TRY(token.flags.single_word, value.bool_or("single_word", false));
  return {};
}

/// A special token is told as a string or as an object.
Status read_name(const JsonValue& value, NamedToken& token) {
  if (value.is_object()) return read_token(value, token);
  PLIMSOLL_TRY(token.content, value.as_string());
  return {};
}

/// Of a token that is told as an object, as a string, or as the key of its id.
std::size_t content_bytes(const JsonValue& entry) {
  const auto content = entry.is_object() ? entry.find("content") : std::optional(entry);
  return content && content->is_string() ? content->as_string()->size() : entry.key().size();
}

/// Before so many tokens are read, of which a document holds 65,000 at most. With what is made of them here and in UnlistedTokens.
Status check_room(const JsonValue& list, const Ledger& ledger) {
  static constexpr std::uint64_t kBytesPerToken = sizeof(NamedToken) + 64;
  std::uint64_t bytes = list.size() * kBytesPerToken;
  for (const JsonValue entry : list.children()) bytes += content_bytes(entry);
  return ledger.check(MemoryTag::tables, Bytes{bytes});
}

/// The special tokens of one file, over those of the files before.
Status read_special(const JsonValue& file, TokenSource source, NamedTokens& named, const Ledger& ledger) {
  for (std::size_t role = 0; role < kRoles; ++role) {
    const auto value = file.find(kRoleNames[role].key);
    if (!value || value->is_null()) continue;
    PLIMSOLL_CHECK(read_name(*value, named.roles[role]));
    named.roles[role].flags.source = source;
  }
  // A list, or the members of an object, which have names.
  for (const std::string_view key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto list = file.find(key);
    if (!list || list->is_null()) continue;
    if (!list->is_array() && !list->is_object())
      return Error{ErrorCode::corrupt_file, "a list of tokens was expected", file.where() + ": " + std::string(key)};
    PLIMSOLL_CHECK(check_room(*list, ledger));
    named.extra.reserve(named.extra.size() + list->size());
    for (const JsonValue entry : list->children()) {
      NamedToken token = special_token({});
      PLIMSOLL_CHECK(read_name(entry, token));
      token.flags.source = source;
      named.extra.push_back(std::move(token));
    }
  }
  return {};
}

/// An object of ids and tokens.
Status read_decoder(const JsonValue& decoder, std::vector<NamedToken>& added, const Ledger& ledger) {
  PLIMSOLL_CHECK(check_room(decoder, ledger));
  added.reserve(decoder.size());
  for (const JsonValue entry : decoder.children()) {
    NamedToken token;
    const std::string_view key = entry.key();
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0)
      return Error{ErrorCode::corrupt_file, "a token's id was expected as the key", entry.where()};
    PLIMSOLL_CHECK(read_token(entry, token));
    token.flags.source = TokenSource::settings;
    added.push_back(std::move(token));
  }
  return {};
}

/// An object of tokens and ids: none of them is special.
Status read_added(const JsonValue& file, std::vector<NamedToken>& added, const Ledger& ledger) {
  PLIMSOLL_CHECK(check_room(file, ledger));
  added.reserve(file.size());
  for (const JsonValue entry : file.children()) {
    NamedToken token{std::string(entry.key())};
    token.flags.normalized = true;
    token.flags.source = TokenSource::added_tokens;
    PLIMSOLL_TRY(token.id, entry.as_int(0, INT32_MAX));
    added.push_back(std::move(token));
  }
  return {};
}

/// One after the other, so that one is there at a time.
Status read_other_files(const SettingsFiles& files, NamedTokens& named, const Ledger& ledger) {
  {
    PLIMSOLL_TRY(const auto special, files.read_other(file_name(TokenSource::special_tokens)));
    if (special) PLIMSOLL_CHECK(read_special(special->root(), TokenSource::special_tokens, named, ledger));
  }
  PLIMSOLL_TRY(const auto added, files.read_other(file_name(TokenSource::added_tokens)));
  return added ? read_added(added->root(), named.added, ledger) : Status();
}

}  // namespace

std::vector<const NamedToken*> NamedTokens::in_order() const {
  std::vector<const NamedToken*> order;
  const auto append = [&](const auto& tokens) {
    for (const NamedToken& token : tokens)
      if (!token.content.empty()) order.push_back(&token);
  };
  append(added);
  append(roles);
  append(extra);
  return order;
}

Result<NamedTokens> read_named_tokens(const SettingsFiles& files, bool bert, const Ledger& ledger) {
  NamedTokens named;
  for (std::size_t role = 0; role < kRoles; ++role) named.roles[role] = special_token(bert ? kRoleNames[role].of_bert : "");
  bool has_decoder = false;
  if (files.config) {
    const JsonValue config = files.config->root();
    PLIMSOLL_CHECK(read_special(config, TokenSource::settings, named, ledger));
    PLIMSOLL_TRY(const auto decoder, config.optional_object("added_tokens_decoder"));
    has_decoder = decoder.has_value();
    if (has_decoder) PLIMSOLL_CHECK(read_decoder(*decoder, named.added, ledger));
  }
  if (!has_decoder) PLIMSOLL_CHECK(read_other_files(files, named, ledger));
  std::ranges::sort(named.added, {}, &NamedToken::id);
  return named;
}

UnlistedTokens::UnlistedTokens(const NamedTokens& named, TableListener& target) : order_(named.in_order()), target_(target) {
  contents_.reserve(order_.size());
  for (const NamedToken* token : order_) contents_.push_back(token->content);
  std::ranges::sort(contents_);
  contents_.erase(std::unique(contents_.begin(), contents_.end()), contents_.end());
  listed_.resize(contents_.size());
}

// In `contents_`; its size where it is not there.
std::size_t UnlistedTokens::place(std::string_view content) const {
  const auto found = std::ranges::lower_bound(contents_, content);
  return found != contents_.end() && *found == content ? static_cast<std::size_t>(found - contents_.begin()) : contents_.size();
}

Status UnlistedTokens::on_added(const AddedTokenSpec& token) {
  if (const std::size_t at = place(token.content); at < listed_.size()) listed_[at] = true;
  return target_.on_added(token);
}

Status UnlistedTokens::add_rest() {
  for (const NamedToken* token : order_) {
    const std::size_t at = place(token->content);
    if (listed_[at]) continue;
    listed_[at] = true;
    AddedTokenSpec spec = token->flags;
    spec.content = token->content;
    PLIMSOLL_CHECK(target_.on_added(spec));
  }
  return {};
}

}  // namespace plimsoll::tokenizer
