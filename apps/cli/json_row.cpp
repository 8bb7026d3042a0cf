#include "json_row.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "json_writer.h"

namespace plimsoll::cli {
namespace {

using Json = nlohmann::json;

// Longer strings give their memory back before the next row is read.
constexpr std::size_t kKeptBytes = 128U << 10U;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptBytes) text.shrink_to_fit();
}

Error bad_row(std::string what) {
  return Error{ErrorCode::bad_row, std::move(what), {}, R"(write {"text": "..."} with optional "id" and "text_pair")"};
}

/// Keeps the three keys of the outermost object and counts its way past everything else.
class RowHandler final : public Json::json_sax_t {
 public:
  explicit RowHandler(JsonRow& row) : row_(row) {}

  Status status() const {
    if (error_) return *error_;
    if (!has_text_) return bad_row("the row has no \"text\"");
    return {};
  }

  bool null() override {
    if (field_ == Field::pair && depth_ == 1) {
      row_.pair.reset();
      return true;
    }
    return scalar("null");
  }
  bool boolean(bool truth) override { return scalar(truth ? "true" : "false"); }
  bool number_integer(number_integer_t number) override { return scalar(std::to_string(number)); }
  bool number_unsigned(number_unsigned_t number) override { return scalar(std::to_string(number)); }
  bool number_float(number_float_t /*number*/, const string_t& digits) override { return scalar(digits); }
  bool binary(binary_t& /*bytes*/) override { return false; }

  bool string(string_t& text) override {
    if (depth_ == 1 && field_ == Field::text) {
      row_.text.swap(text);
      has_text_ = true;
      return true;
    }
    if (depth_ == 1 && field_ == Field::pair) {
      row_.pair.emplace().swap(text);
      return true;
    }
    if (depth_ != 1 || field_ != Field::id) return depth_ > 0 || not_an_object();
    if (text.size() > kLongestId) return id_too_long();
    JsonWriter json;
    json.value(std::string_view(text));
    row_.id = json.text();
    return true;
  }

  bool start_object(std::size_t /*size*/) override { return open(); }
  bool start_array(std::size_t /*size*/) override { return depth_ == 0 ? not_an_object() : open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    field_ = name == "id" ? Field::id : name == "text" ? Field::text : name == "text_pair" ? Field::pair : Field::other;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& exception) override {
    static constexpr int kNumberOutOfRange = 406;
    const std::string_view fault =
        exception.id == kNumberOutOfRange ? "a number is out of range before byte {}" : "this is not JSON from byte {} on";
    if (!error_) error_ = bad_row(fmt::format(fmt::runtime(fault), position));
    return false;
  }

 private:
  enum class Field : std::uint8_t { id, text, pair, other };

  bool fail(std::string what) {
    error_ = bad_row(std::move(what));
    return false;
  }
  bool id_too_long() { return fail(fmt::format("\"id\" is longer than {} bytes", kLongestId)); }
  bool not_an_object() { return fail("the row is not an object"); }

  bool wrong_type() {
    if (field_ == Field::id) return fail("\"id\" is neither a string, a number, true, false nor null");
    return fail(field_ == Field::text ? "\"text\" is not a string" : "\"text_pair\" is not a string");
  }

  bool scalar(std::string_view json) {
    if (depth_ == 0) return not_an_object();
    if (depth_ > 1 || field_ == Field::other) return true;
    if (field_ != Field::id) return wrong_type();
    if (json.size() > kLongestId) return id_too_long();
    row_.id = json;
    return true;
  }

  bool open() {
    if (depth_ == 1 && field_ != Field::other) return wrong_type();
    ++depth_;
    return true;
  }

  bool close() {
    --depth_;
    return true;
  }

  JsonRow& row_;
  std::size_t depth_ = 0;
  Field field_ = Field::other;
  bool has_text_ = false;
  std::optional<Error> error_;
};

}  // namespace

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

Status read_json_row(std::string_view line, JsonRow& row) {
  row.id.clear();
  empty(row.text);
  row.pair.reset();
  if (is_blank(line)) return bad_row("the line is empty");
  RowHandler handler(row);
  (void)Json::sax_parse(line.begin(), line.end(), &handler);
  return handler.status();
}

}  // namespace plimsoll::cli
