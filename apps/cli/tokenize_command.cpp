#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "arguments/held_at_start.h"
#include "commands.h"
#include "process/block_pool.h"
#include "process/charged_memory.h"
#include "rows/replaced_rows.h"
#include "rows/row_fault.h"
#include "rows/row_source.h"
#include "session/engine.h"
#include "session/input_hint.h"
#include "session/shortage.h"
#include "terminal/progress.h"
#include "text/json_writer.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

constexpr int kPauseMilliseconds = 5;
// What the process takes beside the tables and the tokens: code, buffers, output.
constexpr Bytes kBesideTokens = mib(2);
// A row is held as it came, as text and in pieces: it may have this share of what is there.
constexpr std::size_t kRowShare = 4;
// Memory of the tokens that is kept from row to row.
constexpr Bytes kKeptBytes = mib(1);

/// Writes one row's tokens. A row may have millions: with `cancel` set it is left where it is, and the caller has to stop.
class EncodingWriter {
 public:
  EncodingWriter(const Row& row, const Encoding& encoding, const CancelToken& cancel) : row_(row), encoding_(encoding), cancel_(cancel) {}

  void write_json(JsonWriter& json) const {
    json.begin_object().key("index").value(row_.index);
    if (!row_.id.empty()) json.key("id").raw(row_.id);
    write_array(json, "ids", encoding_.ids, [&](std::int32_t id) { json.value(static_cast<std::int64_t>(id)); });
    write_array(json, "tokens", encoding_.tokens, [&](const std::pmr::string& token) { json.value(std::string_view(token)); });
    write_array(json, "offsets", encoding_.offsets, [&](const TextSpan& span) {
      json.begin_array().value(static_cast<std::int64_t>(span.start)).value(static_cast<std::int64_t>(span.end)).end_array();
    });
    write_array(json, "type_ids", encoding_.type_ids, [&](std::int32_t id) { json.value(static_cast<std::int64_t>(id)); });
    if (cancel_.cancelled()) json.clear();
    else json.end_object().end_line();
  }

  void write_table(Output& output) const {
    output.write(printable(row_.input.text, 4096) + "\n");
    if (row_.input.pair) output.write(printable(*row_.input.pair, 4096) + "\n");
    output.write("     id  offsets      type  token\n");
    for (std::size_t i = 0; i < encoding_.ids.size() && !cancel_.cancelled(); ++i) {
      const std::string span = fmt::format("{}-{}", encoding_.offsets[i].start, encoding_.offsets[i].end);
      output.write(fmt::format("{:>7}  {:<11}  {:>4}  {}\n", encoding_.ids[i], span, encoding_.type_ids[i],
                               printable(std::string_view(encoding_.tokens[i]), 4096)));
    }
  }

 private:
  template <typename Values, typename Write>
  void write_array(JsonWriter& json, std::string_view name, const Values& values, Write write) const {
    json.key(name).begin_array();
    for (auto value = values.begin(); value != values.end() && !cancel_.cancelled(); ++value) write(*value);
    json.end_array();
  }

  const Row& row_;
  const Encoding& encoding_;
  const CancelToken& cancel_;
};

class TokenWriter {
 public:
  /// The arguments outlive the writer. `ledger` bounds what the tokens of a row may take.
  TokenWriter(Context& context, Ledger& ledger, const Tokenizer& tokenizer)
      : context_(context),
        ledger_(ledger),
        tokenizer_(tokenizer),
        json_([&context](std::string_view piece) { context.output.write(piece); }),
        pages_(context.os, ledger, MemoryTag::io),
        memory_(pages_) {}

  Status row(const Row& row) {
    PLIMSOLL_CHECK(row.fault ? fault(row, *row.fault) : text(row));
    return context_.output.failed() ? context_.output.flush() : Status();
  }

  bool failed() const { return failed_; }
  double tokens() const { return tokens_; }
  const ReplacedRows& replaced() const { return replaced_; }

 private:
  Status text(const Row& row) {
    if (!is_utf8(row.input.text) || !is_utf8(row.input.pair.value_or(""))) replaced_.add(row.index, row.line);
    Status status = tokenize(row);
    if (pages_.held() > kKeptBytes) memory_.release();
    if (!status.ok() && status.error().code == ErrorCode::bad_row) status = fault(row, status.error());
    return status;
  }

  Status tokenize(const Row& row) {
    const std::size_t bytes = row.input.text.size() + (row.input.pair ? row.input.pair->size() : 0);
    // The row itself is not in an arena of ours, but it is there.
    const Bytes room = saturating_sub(saturating_sub(ledger_.limit(), ledger_.current()) + pages_.held(), Bytes{bytes});
    pages_.allow(room);
    const EncodeOptions options{.file_truncation = true, .file_padding = true, .keep_tokens = true, .cancel = &context_.signals.token()};
    const auto encoding = tokenizer_.encode({row.input.text, row.input.pair}, options, &memory_);
    if (!encoding.ok() && pages_.refusal() == ChargedMemory::Refusal::system) return heap_exhausted();
    if (!encoding.ok() && pages_.refusal() == ChargedMemory::Refusal::room) {
      return Error{ErrorCode::bad_row,
                   fmt::format("the tokens of this row of {} need more than the {} of memory that there are", format_bytes(Bytes{bytes}),
                               format_bytes(room)),
                   {},
                   "split the text"};
    }
    if (!encoding.ok()) return encoding.error();
    tokens_ += static_cast<double>(encoding->ids.size());
    const EncodingWriter writer(row, *encoding, context_.signals.token());
    if (context_.options.json) writer.write_json(json_);
    else write_table(writer);
    return {};
  }

  void write_table(const EncodingWriter& writer) {
    if (std::exchange(has_table_, true)) context_.output.write("\n");
    writer.write_table(context_.output);
  }

  Status fault(const Row& row, const Error& error) {
    failed_ = true;
    report_fault(context_.options.json, json_, context_.console, row, error);
    return context_.options.fail_fast ? Status(stopped_at(row, error)) : Status();
  }

  Context& context_;
  Ledger& ledger_;
  const Tokenizer& tokenizer_;
  JsonWriter json_;
  ChargedMemory pages_;
  BlockPool memory_;
  ReplacedRows replaced_;
  bool failed_ = false;
  bool has_table_ = false;  // one was written
  double tokens_ = 0;
};

}  // namespace

Result<int> tokenize_command(Context& context) {
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(context.options, context.gate, context.signals.token(), true));
  if (rows == nullptr) {
    return Error{ErrorCode::usage, "there are no texts", "plimsoll tokenize", "for example: plimsoll tokenize ./model \"Unbelievable!\""};
  }
  PLIMSOLL_TRY(const Snapshot machine, probe_machine(context.os));
  Ledger ledger("cpu", saturating_sub(machine.memory.budget, kBesideTokens + held_at_start(context.options)));
  // All that this command needs of the model.
  const auto opened = open_tokenizer(context.os, ledger, context.options.model);
  if (!opened.ok()) return tables_do_not_fit(context.options.model.model, opened.error(), context.os, machine.memory);
  const Tokenizer& tokenizer = *opened;
  const auto divide = [&](Bytes room) {
    ledger.set_limit(ledger.current() + room);
    rows->set_longest(std::max<std::size_t>(kKeptBytes.count, room.count / kRowShare));
  };
  divide(saturating_sub(ledger.limit(), ledger.current()));
  const auto writer = std::make_unique<TokenWriter>(context, ledger, tokenizer);
  const auto grant = [&] {
    const HostMemory memory = probe_memory(context.os);
    const Bytes granted = growth_beside(memory, memory.ours, memory.ours);
    divide(std::min(saturating_sub(ledger.limit(), ledger.current()), saturating_sub(memory.contended_budget(), memory.ours + granted)));
    return granted;
  };
  const FileGrowth::Watch results(context.output.growth(), grant);
  const FileGrowth::Watch messages(context.console.growth(), grant);
  const bool typed = rows->is_stream() && ::isatty(STDIN_FILENO) == 1;
  RowBar bar(context.console, context.os, {.total = {}, .verb = "tokenizing", .typed = typed || context.output.is_terminal()});
  const auto start = context.os.now();
  Row row;
  for (;;) {
    PLIMSOLL_TRY(const Got got, rows->next(row, rows->is_stream() && context.output.buffered() ? kPauseMilliseconds : -1));
    if (context.signals.token().cancelled()) return context.signals.error();
    if (got == Got::end) break;
    if (got == Got::paused) {
      PLIMSOLL_CHECK(context.output.flush());
      continue;
    }
    hint_at_form(context, *rows, row);
    PLIMSOLL_CHECK(writer->row(row));
    const std::chrono::duration<double> seconds = context.os.now() - start;
    bar.answered(row.index + 1, seconds.count() > 0 ? writer->tokens() / seconds.count() : 0);
  }
  bar.done();
  writer->replaced().warn(context.console);
  return writer->failed() ? 1 : 0;
}

}  // namespace plimsoll::cli
