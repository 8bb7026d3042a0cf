#include "json/json_document.h"

#include <utility>

#include "base/decimal.h"
#include "json/json_tree.h"

namespace plimsoll {
namespace {

using json_detail::Node;
using json_detail::Tree;
using json_detail::TreeBuilder;

constexpr JsonLimits kLimits{.depth = JsonDocument::kDepthLimit};

std::string describe(const Tree& tree, const Node& node) {
  switch (node.type) {
    case JsonType::null: return "null";
    case JsonType::boolean: return node.boolean ? "true" : "false";
    case JsonType::integer: return std::to_string(node.integer);
    case JsonType::number: return "the number " + shortest(node.number);
    case JsonType::string: return "the text \"" + printable(tree.at(node.string), 40) + "\"";
    case JsonType::array: return "a list";
    case JsonType::object: return "an object";
  }
  return "a value";
}

// A syntax error has a byte; name the key as well, which is what people look for.
Error with_key(Error error, const TreeBuilder& builder, const Tree& tree) {
  const std::string place = builder.where();
  if (error.code == ErrorCode::corrupt_file && place.size() > tree.name.size() && error.where.starts_with(tree.name + " at byte ")) {
    error.where += ", at " + place.substr(tree.name.size() + 2);
  }
  return error;
}

}  // namespace

JsonType JsonValue::type() const { return tree_->nodes[node_].type; }
std::string JsonValue::where() const { return tree_->where(node_); }
std::string_view JsonValue::key() const { return tree_->at(tree_->nodes[node_].key); }

Error JsonValue::expected(std::string_view wanted) const {
  return Error{ErrorCode::corrupt_file, describe(*tree_, tree_->nodes[node_]) + " where " + std::string(wanted) + " belongs", where(),
               "correct the file"};
}

Error JsonValue::missing(std::string_view key) const {
  if (!is_object()) return expected("an object");
  return Error{ErrorCode::corrupt_file, "the key \"" + printable(key, 80) + "\" is missing", where(), "correct the file"};
}

Result<std::int64_t> JsonValue::as_int(std::int64_t low, std::int64_t high) const {
  const Node& node = tree_->nodes[node_];
  if (node.type == JsonType::integer && node.integer >= low && node.integer <= high) return node.integer;
  return expected("an integer from " + std::to_string(low) + " to " + std::to_string(high));
}

Result<double> JsonValue::as_number() const {
  const Node& node = tree_->nodes[node_];
  if (node.type == JsonType::integer) return static_cast<double>(node.integer);
  if (node.type == JsonType::number) return node.number;
  return expected("a number");
}

Result<bool> JsonValue::as_bool() const {
  if (type() == JsonType::boolean) return tree_->nodes[node_].boolean;
  return expected("true or false");
}

Result<std::string_view> JsonValue::as_string() const {
  if (type() == JsonType::string) return tree_->at(tree_->nodes[node_].string);
  return expected("a text");
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  if (!is_object()) return std::nullopt;
  for (const JsonValue child : children()) {
    if (child.key() == key) return child;
  }
  return std::nullopt;
}

Result<JsonValue> JsonValue::get(std::string_view key) const {
  if (const auto value = find(key)) return *value;
  return missing(key);
}

Result<std::int64_t> JsonValue::get_int(std::string_view key, std::int64_t low, std::int64_t high) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  return value.as_int(low, high);
}

Result<double> JsonValue::get_number(std::string_view key) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  return value.as_number();
}

Result<bool> JsonValue::get_bool(std::string_view key) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  return value.as_bool();
}

Result<std::string_view> JsonValue::get_string(std::string_view key) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  return value.as_string();
}

Result<JsonValue> JsonValue::get_object(std::string_view key) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  if (!value.is_object()) return value.expected("an object");
  return value;
}

Result<JsonValue> JsonValue::get_array(std::string_view key) const {
  PLIMSOLL_TRY(const JsonValue value, get(key));
  if (!value.is_array()) return value.expected("a list");
  return value;
}

Result<std::optional<std::int64_t>> JsonValue::optional_int(std::string_view key, std::int64_t low, std::int64_t high) const {
  const auto value = find(key);
  if (!value || value->is_null()) return std::optional<std::int64_t>();
  PLIMSOLL_TRY(const std::int64_t number, value->as_int(low, high));
  return std::optional(number);
}

Result<std::optional<double>> JsonValue::optional_number(std::string_view key) const {
  const auto value = find(key);
  if (!value || value->is_null()) return std::optional<double>();
  PLIMSOLL_TRY(const double number, value->as_number());
  return std::optional(number);
}

Result<std::optional<std::string_view>> JsonValue::optional_string(std::string_view key) const {
  const auto value = find(key);
  if (!value || value->is_null()) return std::optional<std::string_view>();
  PLIMSOLL_TRY(const std::string_view text, value->as_string());
  return std::optional(text);
}

Result<std::optional<JsonValue>> JsonValue::optional_object(std::string_view key) const {
  const auto value = find(key);
  if (!value || value->is_null()) return std::optional<JsonValue>();
  if (!value->is_object()) return value->expected("an object");
  return value;
}

Result<std::optional<JsonValue>> JsonValue::optional_array(std::string_view key) const {
  const auto value = find(key);
  if (!value || value->is_null()) return std::optional<JsonValue>();
  if (!value->is_array()) return value->expected("a list");
  return value;
}

Result<bool> JsonValue::bool_or(std::string_view key, bool otherwise) const {
  const auto value = find(key);
  return value && !value->is_null() ? value->as_bool() : otherwise;
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  node_ = tree_->nodes[node_].next;
  return *this;
}

JsonValue::Children JsonValue::children() const { return {tree_, tree_->nodes[node_].first}; }

std::size_t JsonValue::size() const {
  std::size_t count = 0;
  for (std::uint32_t child = tree_->nodes[node_].first; child != 0; child = tree_->nodes[child].next) ++count;
  return count;
}

Result<JsonDocument> JsonDocument::read(Os& os, const std::string& path) {
  PLIMSOLL_TRY(const auto file, os.open(path));
  return read(*file);
}

Result<JsonDocument> JsonDocument::read(File& file) {
  if (file.size() > kFileLimit) {
    return Error{ErrorCode::corrupt_file, "the file is longer than " + format_bytes(Bytes{kFileLimit}), file.path(),
                 "no real file of this kind is so long"};
  }
  auto tree = std::make_unique<Tree>();
  tree->name = file.path();
  TreeBuilder builder(*tree);
  if (Status status = read_json(file, 0, file.size(), kLimits, builder); !status.ok())
    return with_key(std::move(status).error(), builder, *tree);
  return JsonDocument(std::move(tree));
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, std::string name) {
  auto tree = std::make_unique<Tree>();
  tree->name = std::move(name);
  if (text.size() > kFileLimit)
    return Error{ErrorCode::corrupt_file, "the text is longer than " + format_bytes(Bytes{kFileLimit}), tree->name};
  TreeBuilder builder(*tree);
  if (Status status = read_json(text, tree->name, kLimits, builder); !status.ok())
    return with_key(std::move(status).error(), builder, *tree);
  return JsonDocument(std::move(tree));
}

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonValue JsonDocument::root() const { return {tree_.get(), 0}; }

}  // namespace plimsoll
