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

/// Keys of several tokens.
constexpr std::array<std::string_view, 3> kLists = {"extra_special_tokens", "additional_special_tokens", "model_specific_special_tokens"};

NamedToken special_token(std::string_view content) {
  NamedToken token{std::string(content)};
  token.flags.special = true;
  return token;
}

/// An object with "content" and flags. `special`: whatever it says itself.
Status read_token(const JsonValue& value, bool special, NamedToken& token) {
  PLIMSOLL_TRY(token.content, value.get_string("content"));
  PLIMSOLL_TRY(const bool told, value.bool_or("special", false));
  token.flags.special = special || told;
  PLIMSOLL_TRY(token.flags.normalized, value.bool_or("normalized", !token.flags.special));
  PLIMSOLL_TRY(token.flags.lstrip, value.bool_or("lstrip", false));
  PLIMSOLL_TRY(token.flags.rstrip, value.bool_or("rstrip", false));
  PLIMSOLL_TRY(token.flags.single_word, value.bool_or("single_word", false));
  return {};
}

/// A string, which is special, or an object.
Status read_name(const JsonValue& value, bool special, NamedToken& token) {
  if (value.is_object()) return read_token(value, special, token);
  PLIMSOLL_TRY(token.content, value.as_string());
  token.flags.special = true;
  return {};
}

/// Of a token that is told as an object, as a string, or as the key of its id.
std::size_t content_bytes(const JsonValue& entry) {
  const auto content = entry.is_object() ? entry.find("content") : std::optional(entry);
  return content && content->is_string() ? content->as_string()->size() : entry.key().size();
}

bool any(const JsonValue&) { return true; }

/// Before the entries that are `taken` are read, of which a document holds 65,000 at most. With what is made of them here and in
/// UnlistedTokens.
template <typename Taken = decltype(any)>
Status make_room(const JsonValue& list, const Ledger& ledger, std::vector<NamedToken>& tokens, Taken&& taken = any) {
  static constexpr std::uint64_t kBytesPerToken = sizeof(NamedToken) + 64;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const JsonValue entry : list.children()) {
    if (!taken(entry)) continue;
    ++count;
    bytes += kBytesPerToken + content_bytes(entry);
  }
  PLIMSOLL_CHECK(ledger.check(MemoryTag::tables, Bytes{bytes}));
  tokens.reserve(tokens.size() + count);
  return {};
}

bool is_role(std::string_view key) { return std::ranges::find(kRoleNames, key, &RoleName::key) != kRoleNames.end(); }

bool is_list(std::string_view key) { return std::ranges::find(kLists, key) != kLists.end(); }

/// Whether a member of a file names a token by a key that no role has, such as "image_token".
bool is_own_name(const JsonValue& member, TokenSource source) {
  if (!member.key().ends_with("_token") || is_role(member.key())) return false;
  // An object of tokenizer_config.json says that it is one.
  return member.is_string() || (member.is_object() && (source == TokenSource::special_tokens || member.find("__type")));
}

Status append(const JsonValue& entry, TokenSource source, bool special, bool makes_special, std::vector<NamedToken>& tokens) {
  NamedToken token;
  PLIMSOLL_CHECK(read_name(entry, special, token));
  token.flags.source = source;
  token.makes_special = makes_special;
  tokens.push_back(std::move(token));
  return {};
}

/// Those of a list, or of an object, whose keys are names: these are special whatever they say.
Status append_all(const JsonValue& list, TokenSource source, bool makes_special, NamedTokens& named, const Ledger& ledger) {
  if (!list.is_array() && !list.is_object()) return Error{ErrorCode::corrupt_file, "a list of tokens was expected", list.where()};
  std::vector<NamedToken>& tokens = list.is_array() ? named.extra : named.own_names;
  PLIMSOLL_CHECK(make_room(list, ledger, tokens));
  const bool by_string = source == TokenSource::settings;
  for (const JsonValue entry : list.children())
    PLIMSOLL_CHECK(append(entry, source, list.is_object() || !by_string, makes_special && (entry.is_string() || !by_string), tokens));
  return {};
}

/// Those with names of their own.
Status read_own_names(const JsonValue& file, TokenSource source, NamedTokens& named, const Ledger& ledger) {
  const auto taken = [&](const JsonValue& member) { return is_own_name(member, source); };
  PLIMSOLL_CHECK(make_room(file, ledger, named.own_names, taken));
  for (const JsonValue member : file.children())
    if (taken(member)) PLIMSOLL_CHECK(append(member, source, true, false, named.own_names));
  const auto names = file.find("model_specific_special_tokens");
  if (!names || names->is_null()) return {};
  if (!names->is_object()) return Error{ErrorCode::corrupt_file, "an object of tokens was expected", names->where()};
  return append_all(*names, source, false, named, ledger);
}

/// extra_special_tokens, and additional_special_tokens, their name before transformers 5, which is passed over where the newer one is a
/// list. `listed`: whether a file before had either.
Status read_extra(const JsonValue& file, TokenSource source, bool& listed, NamedTokens& named, const Ledger& ledger) {
  const auto extra = file.find("extra_special_tokens");
  const auto additional = file.find("additional_special_tokens");
  const bool newer = extra && !extra->is_object();
  const bool passed_over = source == TokenSource::settings ? newer && extra->size() > 0 : listed || newer;
  if (extra && !extra->is_null()) PLIMSOLL_CHECK(append_all(*extra, source, extra->is_array(), named, ledger));
  if (additional && !additional->is_null() && !passed_over)
    PLIMSOLL_CHECK(append_all(*additional, source, source == TokenSource::settings, named, ledger));
  listed = listed || newer || additional;
  return {};
}

/// The special tokens of one file, over those of the files before.
Status read_special(const JsonValue& file, TokenSource source, bool& listed, NamedTokens& named, const Ledger& ledger) {
  for (std::size_t role = 0; role < kRoles; ++role) {
    const auto value = file.find(kRoleNames[role].key);
    if (!value) continue;
    NamedToken& token = named.roles[role];
    token = {};
    if (value->is_null()) continue;
    PLIMSOLL_CHECK(read_name(*value, true, token));
    token.flags.source = source;
    token.makes_special = value->is_string() || source == TokenSource::special_tokens;
  }
  PLIMSOLL_CHECK(read_own_names(file, source, named, ledger));
  return read_extra(file, source, listed, named, ledger);
}

/// Of the tokens of `lists` that are `taken`, sorted.
std::vector<std::string_view> contents_of(std::initializer_list<std::span<const NamedToken>> lists, bool (*taken)(const NamedToken&)) {
  std::vector<std::string_view> contents;
  for (const auto list : lists) contents.reserve(contents.capacity() + list.size());
  for (const auto list : lists)
    for (const NamedToken& token : list)
      if (taken(token)) contents.push_back(token.content);
  std::ranges::sort(contents);
  return contents;
}

/// An object of ids and tokens, of which those are special that have a name.
Status read_decoder(const JsonValue& decoder, NamedTokens& named, const Ledger& ledger) {
  PLIMSOLL_CHECK(make_room(decoder, ledger, named.added));
  const auto names = contents_of({named.roles, named.own_names}, [](const NamedToken&) { return true; });
  for (const JsonValue entry : decoder.children()) {
    NamedToken token;
    const std::string_view key = entry.key();
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.flags.id);
    if (error != std::errc() || end != key.data() + key.size() || token.flags.id < 0)
      return Error{ErrorCode::corrupt_file, "a token's id was expected as the key", entry.where()};
    PLIMSOLL_TRY(const std::string_view content, entry.get_string("content"));
    PLIMSOLL_CHECK(read_token(entry, std::ranges::binary_search(names, content), token));
    token.flags.source = TokenSource::settings;
    named.added.push_back(std::move(token));
  }
  return {};
}

/// An object of tokens and ids: those are special that the other files name.
Status read_added(const JsonValue& file, NamedTokens& named, const Ledger& ledger) {
  PLIMSOLL_CHECK(make_room(file, ledger, named.added));
  const auto special = contents_of({named.roles, named.extra}, [](const NamedToken& token) { return token.makes_special; });
  for (const JsonValue entry : file.children()) {
    NamedToken token{std::string(entry.key())};
    token.flags.special = std::ranges::binary_search(special, std::string_view(token.content));
    token.flags.normalized = !token.flags.special;
    token.flags.source = TokenSource::added_tokens;
    PLIMSOLL_TRY(const std::int64_t id, entry.as_int(0, INT32_MAX));
    token.flags.id = static_cast<std::int32_t>(id);
    named.added.push_back(std::move(token));
  }
  return {};
}

/// transformers takes any setting from special_tokens_map.json.
Status refuse_settings(const JsonValue& file) {
  for (const JsonValue member : file.children()) {
    if (is_role(member.key()) || is_list(member.key()) || is_own_name(member, TokenSource::special_tokens)) continue;
    return Error{ErrorCode::unsupported, "a setting among the special tokens", member.where(), "move it to tokenizer_config.json"};
  }
  return {};
}

/// One after the other, so that one is there at a time.
Status read_other_files(const SettingsFiles& files, bool& listed, NamedTokens& named, const Ledger& ledger) {
  {
    PLIMSOLL_TRY(const auto special, files.read_other(file_name(TokenSource::special_tokens)));
    if (special) PLIMSOLL_CHECK(refuse_settings(special->root()));
    if (special) PLIMSOLL_CHECK(read_special(special->root(), TokenSource::special_tokens, listed, named, ledger));
  }
  PLIMSOLL_TRY(const auto added, files.read_other(file_name(TokenSource::added_tokens)));
  return added ? read_added(added->root(), named, ledger) : Status();
}

std::int32_t id_of(const NamedToken& token) { return token.flags.id; }

/// Flags in bits, of which one is always set.
std::uint8_t packed(const AddedTokenSpec& token) {
  unsigned bits = 1;
  for (const bool flag : {token.single_word, token.lstrip, token.rstrip, token.normalized, token.special})
    bits = bits << 1U | static_cast<unsigned>(flag);
  return static_cast<std::uint8_t>(bits);
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
  append(own_names);
  append(extra);
  return order;
}

Result<NamedTokens> read_named_tokens(const SettingsFiles& files, bool bert, const Ledger& ledger) {
  NamedTokens named;
  for (std::size_t role = 0; role < kRoles; ++role) named.roles[role] = special_token(bert ? kRoleNames[role].of_bert : "");
  bool has_decoder = false;
  bool listed = false;
  if (files.config) {
    const JsonValue config = files.config->root();
    PLIMSOLL_CHECK(read_special(config, TokenSource::settings, listed, named, ledger));
    PLIMSOLL_TRY(const auto decoder, config.optional_object("added_tokens_decoder"));
    has_decoder = decoder.has_value();
    if (has_decoder) PLIMSOLL_CHECK(read_decoder(*decoder, named, ledger));
  }
  if (!has_decoder) PLIMSOLL_CHECK(read_other_files(files, listed, named, ledger));
  std::ranges::sort(named.added, {}, id_of);
  const auto twice = std::ranges::adjacent_find(named.added, {}, id_of);
  if (twice == named.added.end()) return named;
  return Error{ErrorCode::corrupt_file, "two added tokens have the id " + std::to_string(id_of(*twice)),
               files.folder() + '/' + std::string(file_name(twice->flags.source)), "give each an id of its own"};
}

UnlistedTokens::UnlistedTokens(const NamedTokens& named, TableListener& target) : order_(named.in_order()), target_(target) {
  contents_.reserve(order_.size());
  for (const NamedToken* token : order_) contents_.push_back(token->content);
  std::ranges::sort(contents_);
  contents_.erase(std::unique(contents_.begin(), contents_.end()), contents_.end());
  flags_.resize(contents_.size());
  replaced_.resize(static_cast<std::size_t>(std::ranges::count_if(order_, [](const NamedToken* token) { return id_of(*token) >= 0; })));
}

// In `contents_`; its size where it is not there.
std::size_t UnlistedTokens::place(std::string_view content) const {
  const auto found = std::ranges::lower_bound(contents_, content);
  return found != contents_.end() && *found == content ? static_cast<std::size_t>(found - contents_.begin()) : contents_.size();
}

Status UnlistedTokens::on_added(const AddedTokenSpec& token) {
  if (const std::size_t at = place(token.content); at < flags_.size()) flags_[at] = packed(token);
  const auto numbered = std::span(order_).first(replaced_.size());
  const auto found = std::ranges::lower_bound(numbered, token.id, {}, [](const NamedToken* other) { return id_of(*other); });
  if (found != numbered.end() && id_of(**found) == token.id && (*found)->flags.source == TokenSource::added_tokens)
    replaced_[static_cast<std::size_t>(found - numbered.begin())] = true;
  return target_.on_added(token);
}

Status UnlistedTokens::add_rest() {
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const NamedToken* token = order_[i];
    const bool numbered = i < replaced_.size();
    if (numbered && replaced_[i]) continue;
    std::uint8_t& flags = flags_[place(token->content)];
    if (flags == packed(token->flags) || (flags != 0 && !numbered)) continue;
    flags = packed(token->flags);
    AddedTokenSpec spec = token->flags;
    spec.content = token->content;
    PLIMSOLL_CHECK(target_.on_added(spec));
  }
  return {};
}

}  // namespace plimsoll::tokenizer
