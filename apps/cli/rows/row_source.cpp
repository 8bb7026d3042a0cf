#include "rows/row_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "process/descriptors.h"
#include "rows/json_row.h"

namespace plimsoll::cli {
namespace {

// Rows are bounded even before a plan says how long they may be.
constexpr std::size_t kLongestRow = 64U << 20U;

class ArgumentRows final : public RowSource {
 public:
  explicit ArgumentRows(const std::vector<std::string_view>& texts) : texts_(texts) {}

  Result<Got> next(Row& row, int /*patience_ms*/) override {
    if (at_ == texts_.size()) return Got::end;
    row = Row{static_cast<std::int64_t>(at_), 0, {}, {texts_[at_]}, std::nullopt};
    ++at_;
    return Got::one;
  }
  Status rewind() override {
    at_ = 0;
    return {};
  }
  bool is_stream() const override { return false; }
  void set_longest(std::size_t /*bytes*/) override {}
  std::string_view beginning() const override { return {}; }

 private:
  const std::vector<std::string_view>& texts_;
  std::size_t at_ = 0;
};

class FileRows final : public RowSource {
 public:
  /// How rows are read.
  struct Form {
    bool stream = false;
    bool jsonl = false;
    bool measured = false;  ///< read once before memory is planned, unless it is a stream
  };

  FileRows(int fd, bool owned, const Form& form, const std::string& name, Gate& gate, const CancelToken& cancel)
      : fd_(fd), owned_(owned), form_(form), lines_(fd, name, gate, cancel, kLongestRow), name_(name) {
    json_.set_longest(longest_);
  }
  FileRows(const FileRows&) = delete;
  FileRows& operator=(const FileRows&) = delete;
  ~FileRows() override {
    if (owned_) ::close(fd_);
  }

  Result<Got> next(Row& row, int patience_ms) override { return form_.jsonl ? next_json(row, patience_ms) : next_line(row, patience_ms); }

  Status rewind() override {
    if (::lseek(fd_, 0, SEEK_SET) != 0)
      return Error{ErrorCode::io, "cannot read a second time: " + std::system_category().message(errno), name_, "give a regular file"};
    lines_.restart();
    json_.clear();
    index_ = line_ = 0;
    return {};
  }
  bool is_stream() const override { return form_.stream; }
  void set_longest(std::size_t bytes) override {
    longest_ = std::min(bytes, kLongestRow);
    lines_.set_longest(longest_);
    json_.set_longest(longest_);
  }
  std::string_view beginning() const override { return lines_.beginning(); }

 private:
  Result<Got> next_line(Row& row, int patience_ms) {
    LineReader::Line line;
    PLIMSOLL_TRY(const Got got, lines_.next(line, patience_ms));
    if (got != Got::one) return got;
    row = Row{index_++, ++line_, {}, {line.text}, std::nullopt};
    if (line.too_long) row.fault = too_long();
    return got;
  }

  Result<Got> next_json(Row& row, int patience_ms) {
    Patience patience(patience_ms);
    if (std::exchange(json_given_, false)) json_.clear();
    for (;;) {
      LineReader::Piece piece;
      PLIMSOLL_TRY(const Got got, lines_.next_piece(piece, patience));
      if (got != Got::one) return got;
      json_.feed(piece.bytes);
      if (!piece.ends) continue;
      ++line_;
      if (!json_.blank()) break;
      json_.clear();
    }
    json_given_ = true;
    const Status status = json_.finish();
    row = Row{index_++, line_, json_.id(), {json_.text(), json_.pair()}, std::nullopt};
    if (!status.ok()) row.fault = status.error();
    else if (json_.too_long()) row.fault = too_long();
    if (row.fault) row.input = {};
    return Got::one;
  }

  Error too_long() const {
    const bool would_be_measured = form_.stream && form_.measured;
    const std::string advice = would_be_measured ? "split it, or give the file by --input, which is measured before memory is planned"
                               : longest_ == kLongestRow || !form_.measured ? "split it"
                                                                            : "split it, or allow more memory";
    return Error{ErrorCode::bad_row, fmt::format("the text is longer than {}", format_bytes(Bytes{longest_})), {}, advice};
  }

  int fd_;
  bool owned_;
  Form form_;
  LineReader lines_;
  std::string name_;
  JsonRow json_;
  bool json_given_ = false;  ///< the row in `json_` was handed out
  std::int64_t index_ = 0;
  std::int64_t line_ = 0;  ///< of the last row
  std::size_t longest_ = kLongestRow;
};

Error not_readable(const std::string& what, const std::string& path, int code) {
  if (code == EAGAIN) return Error{ErrorCode::io, "cannot open: another process holds a lease on this file", path, "try again"};
  return Error{code == EMFILE || code == ENFILE || code == EIO ? ErrorCode::io : ErrorCode::not_found, what, path,
               "give a .txt or .jsonl file, or - for standard input"};
}

/// Whether a path ends in `ending`, which is in small letters, whatever its own are.
bool has_ending(std::string_view path, std::string_view ending) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return path.size() >= ending.size() && std::ranges::equal(path.substr(path.size() - ending.size()), ending, same);
}

Result<int> open_file(const std::string& path, Gate& gate) {
  errno = EMFILE;
  const int fd = gate.admit(Acquisition::open, "open_rows") ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
  if (fd < 0) return not_readable("cannot open: " + std::system_category().message(errno), path, errno);
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
  ::close(fd);
  const std::string kind = S_ISDIR(info.st_mode) ? "a directory" : S_ISFIFO(info.st_mode) ? "a FIFO" : "not a regular file";
  return not_readable("this is " + kind, path, 0);
}

}  // namespace

std::string row_name(std::int64_t index, std::int64_t line) {
  return line == 0 ? fmt::format("row {}", index) : fmt::format("row {} (line {})", index, line);
}

bool reads_json_lines(const Options& options) {
  return options.jsonl || has_ending(options.input, ".jsonl") || has_ending(options.input, ".ndjson");
}

Result<std::unique_ptr<RowSource>> open_rows(const Options& options, Gate& gate, const CancelToken& cancel, bool read_stdin) {
  if (!options.texts.empty()) return std::unique_ptr<RowSource>(std::make_unique<ArgumentRows>(options.texts));
  std::string path = options.input;
  if (path.empty()) {
    if (!read_stdin || ::isatty(STDIN_FILENO) == 1) return std::unique_ptr<RowSource>();
    path = "-";
  }
  const bool jsonl = reads_json_lines(options);
  if (!jsonl && has_ending(path, ".json")) {
    return Error{ErrorCode::usage, "it is not said how to read a .json file", path,
                 R"(add --jsonl if it has an object a line, {"text": "..."}; otherwise write one that has)"};
  }
  const bool measured = options.command == nullptr || options.command->bit != kTokenize;
  if (const auto fd = (path == "-" ? std::optional(STDIN_FILENO) : named_descriptor(path))) {
    if (*fd < 0) return not_readable("cannot open: " + std::system_category().message(EBADF), path, EBADF);
    return std::unique_ptr<RowSource>(
        std::make_unique<FileRows>(*fd, false, FileRows::Form{true, jsonl, measured}, path == "-" ? "standard input" : path, gate, cancel));
  }
  PLIMSOLL_TRY(const int fd, open_file(path, gate));
  return std::unique_ptr<RowSource>(std::make_unique<FileRows>(fd, true, FileRows::Form{false, jsonl, measured}, path, gate, cancel));
}

}  // namespace plimsoll::cli
