#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/ledger.h>
#include <plimsoll/result.h>

#include "tokenizer/files/settings_files.h"
#include "tokenizer/files/tables.h"

namespace plimsoll::tokenizer {

/// A token that the settings name; `flags.content` is set only when it is handed on.
struct NamedToken {
  std::string content;  ///< empty: none
  AddedTokenSpec flags = {};
  /// That a token of the same content in added_tokens.json is special.
  bool makes_special = false;
};

enum class Role : std::uint8_t { bos, eos, unknown, sep, pad, cls, mask };
inline constexpr std::size_t kRoles = 7;

/// The added tokens of the files beside a tokenizer. transformers reads special_tokens_map.json and added_tokens.json only where
/// tokenizer_config.json has no added_tokens_decoder.
struct NamedTokens {
  std::array<NamedToken, kRoles> roles;
  std::vector<NamedToken> added;      ///< by rising id, each once
  std::vector<NamedToken> own_names;  ///< special ones with a name that is no role's, such as "image_token"
  std::vector<NamedToken> extra;      ///< special ones without a name

  const NamedToken& operator[](Role role) const { return roles[static_cast<std::size_t>(role)]; }
  /// All that there are, in the order in which transformers adds them: new ids are given in it.
  std::vector<const NamedToken*> in_order() const;
};

/// `bert`: with the names of BertTokenizer where no file has others. Fails with corrupt_file (file and key), and with out_of_memory where
/// `ledger` has no room for so many, which are gone before the tokenizer is open and charged to nobody.
Result<NamedTokens> read_named_tokens(const SettingsFiles& files, bool bert, const Ledger& ledger);

/// Passes the tables of a file on, and remembers which named tokens are not among its added ones: those are added behind them, each once.
/// One that is told by its id with other flags is added again, and these flags count; but added_tokens.json says nothing of ids that the
/// file's own added tokens have.
class UnlistedTokens final : public TableListener {
 public:
  /// Both outlive the object.
  UnlistedTokens(const NamedTokens& named, TableListener& target);

  Status on_token(std::string_view token, std::int32_t id) override { return target_.on_token(token, id); }
  Status on_added(const AddedTokenSpec& token) override;
  /// To be called at the end of the file.
  Status add_rest();

 private:
  std::size_t place(std::string_view content) const;

  std::vector<const NamedToken*> order_;    ///< those that are told by id come first, by rising id
  std::vector<std::string_view> contents_;  ///< of `order_`, sorted, each once
  std::vector<std::uint8_t> flags_;         ///< of `contents_`, as last added, in bits; 0: not yet
  std::vector<bool> replaced_;              ///< of those that are told by id: whether the file has another of it
  TableListener& target_;
};

}  // namespace plimsoll::tokenizer
