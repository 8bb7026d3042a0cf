#include <memory_resource>
#include <new>

#include <fmt/format.h>

#include "commands.h"
#include "engine.h"
#include "json_writer.h"
#include "row_fault.h"
#include "row_source.h"
#include "utf8.h"

namespace plimsoll::cli {
namespace {

constexpr int kPauseMilliseconds = 5;
// What the tokens of one row may take: about a million tokens.
constexpr std::size_t kMostTokenBytes = 256U << 20U;

template <typename Values, typename Write>
void write_array(JsonWriter& json, std::string_view name, const Values& values, Write write) {
  json.key(name).begin_array();
  for (const auto& value : values) write(value);
  json.end_array();
}

/// The heap, up to a limit.
class BoundedMemory final : public std::pmr::memory_resource {
 public:
  /// Something was refused since the last `reset`.
  bool exhausted() const { return exhausted_; }
  void reset() { exhausted_ = false; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > kMostTokenBytes - used_) {
      exhausted_ = true;
      throw std::bad_alloc();
    }
    void* place = std::pmr::new_delete_resource()->allocate(bytes, alignment);
    used_ += bytes;
    return place;
  }
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(place, bytes, alignment);
    used_ -= bytes;
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::size_t used_ = 0;
  bool exhausted_ = false;
};

void write_json(JsonWriter& json, const Row& row, const Encoding& encoding) {
  json.begin_object().key("index").value(row.index);
  if (!row.id.empty()) json.key("id").raw(row.id);
  write_array(json, "ids", encoding.ids, [&](std::int32_t id) { json.value(static_cast<std::int64_t>(id)); });
  write_array(json, "tokens", encoding.tokens, [&](const std::pmr::string& token) { json.value(std::string_view(token)); });
  write_array(json, "offsets", encoding.offsets, [&](const TextSpan& span) {
    json.begin_array().value(static_cast<std::int64_t>(span.start)).value(static_cast<std::int64_t>(span.end)).end_array();
  });
  write_array(json, "type_ids", encoding.type_ids, [&](std::int32_t id) { json.value(static_cast<std::int64_t>(id)); });
  json.end_object().end_line();
}

void write_table(Output& output, const Row& row, const Encoding& encoding) {
  output.write(fmt::format("{}{}\n", row.index == 0 ? "" : "\n", printable(row.input.text, 4096)));
  output.write("     id  offsets      type  token\n");
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    const std::string span = fmt::format("{}-{}", encoding.offsets[i].start, encoding.offsets[i].end);
    output.write(fmt::format("{:>7}  {:<11}  {:>4}  {}\n", encoding.ids[i], span, encoding.type_ids[i],
                             printable(std::string_view(encoding.tokens[i]), 4096)));
  }
}

class TokenWriter {
 public:
  TokenWriter(Context& context, const Tokenizer& tokenizer)
      : context_(context), tokenizer_(tokenizer), json_([&context](std::string_view piece) { context.output.write(piece); }) {}

  Status row(const Row& row) {
    if (row.fault) return fault(row, *row.fault);
    memory_.reset();
    const EncodeOptions options{.file_truncation = true, .file_padding = true, .keep_tokens = true};
    const auto encoding = tokenizer_.encode({row.input.text, row.input.pair}, options, &memory_);
    if (!encoding.ok() && memory_.exhausted()) return fault(row, too_many_tokens(row));
    if (!encoding.ok()) return encoding.error().code == ErrorCode::bad_row ? fault(row, encoding.error()) : Status(encoding.error());
    if (context_.options.json) write_json(json_, row, *encoding);
    else write_table(context_.output, row, *encoding);
    return context_.output.failed() ? context_.output.flush() : Status();
  }

  bool failed() const { return failed_; }

 private:
  static Error too_many_tokens(const Row& row) {
    const std::size_t bytes = row.input.text.size() + (row.input.pair ? row.input.pair->size() : 0);
    return Error{
        ErrorCode::bad_row,
        fmt::format("the tokens of this row of {} need more than {}", format_bytes(Bytes{bytes}), format_bytes(Bytes{kMostTokenBytes})),
        {},
        "split the text"};
  }

  Status fault(const Row& row, const Error& error) {
    failed_ = true;
    report_fault(context_.options.json, json_, context_.console, row.index, row.id, error);
    if (!context_.options.fail_fast) return {};
    return Error{ErrorCode::bad_row, fmt::format("row {} cannot be used: {}", row.index, error.what), "--fail-fast",
                 "mend the row, or leave the flag out"};
  }

  Context& context_;
  const Tokenizer& tokenizer_;
  JsonWriter json_;
  BoundedMemory memory_;
  bool failed_ = false;
};

}  // namespace

Result<int> tokenize_command(Context& context) {
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(context.options, context.gate, context.signals.token(), true));
  if (rows == nullptr) {
    return Error{ErrorCode::usage, "there are no texts", "plimsoll tokenize", "for example: plimsoll tokenize ./model \"Unbelievable!\""};
  }
  Ledger ledger("cpu", kUnknownMemory);
  PLIMSOLL_TRY(const Tokenizer tokenizer, open_tokenizer(context.os, ledger, context.options.model));
  const auto writer = std::make_unique<TokenWriter>(context, tokenizer);
  Row row;
  for (;;) {
    PLIMSOLL_TRY(const Got got, rows->next(row, rows->is_stream() && context.output.buffered() ? kPauseMilliseconds : -1));
    if (context.signals.token().cancelled()) return context.signals.error();
    if (got == Got::end) break;
    if (got == Got::paused) PLIMSOLL_CHECK(context.output.flush());
    else PLIMSOLL_CHECK(writer->row(row));
  }
  return writer->failed() ? 1 : 0;
}

}  // namespace plimsoll::cli
