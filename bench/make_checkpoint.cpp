// Writes a BERT classifier with generated weights in HuggingFace layout: see usage() below.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <plimsoll/element_type.h>
#include <plimsoll/result.h>

#include "bert_tensors.h"
#include "normal_values.h"
#include "weights/convert.h"
#include "word_list.h"

namespace plimsoll::bench {
namespace {

namespace fs = std::filesystem;

constexpr float kRange = 0.02F;
constexpr std::int64_t kChunk = std::int64_t{1} << 18;  // values written at a time

constexpr const char* kUsage =
    "make_checkpoint FOLDER [--shape large|base|tiny] [--dtype float32|bfloat16|float16] [--old-names] [--holes]\n"
    "                [--hidden N] [--layers N] [--heads N] [--intermediate N] [--vocab N] [--positions N] [--labels N]\n"
    "Writes a BERT classifier with generated weights (N(0, 0.02), always the same) as HuggingFace lays it out: config.json,\n"
    "model.safetensors, vocab.txt, tokenizer_config.json. Does nothing when FOLDER already holds just that.\n"
    "--old-names: names, head and surplus tensors of a pretrained checkpoint of 2018. --holes: weights are zero and take no disk.\n";

struct Request {
  fs::path folder;
  BertShape shape;
  ElementType type = ElementType::float32;
  bool holes = false;
};

Error io_error(std::string what, const fs::path& where) { return {ErrorCode::io, std::move(what), where.string(), "is the disk full?"}; }

std::optional<BertShape> preset(const std::string& name) {
  if (name == "large") return BertShape{};
  if (name == "base") return BertShape{.hidden = 768, .layers = 12, .heads = 12, .intermediate = 3072};
  if (name == "tiny") return BertShape{.hidden = 128, .layers = 2, .heads = 2, .intermediate = 512};
  return std::nullopt;
}

std::optional<ElementType> float_type(const std::string& name) {
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    if (name == element_name(type)) return type;
  }
  return std::nullopt;
}

const char* safetensors_name(ElementType type) {
  return type == ElementType::float32 ? "F32" : type == ElementType::bfloat16 ? "BF16" : "F16";
}

Result<std::int64_t> positive(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || *end != '\0' || value < 1 || value > (1 << 24)) {
    return Error{ErrorCode::usage, "\"" + text + "\" is not a number from 1 to 2^24", flag};
  }
  return std::int64_t{value};
}

/// One flag with its value; presets have been applied before.
Status apply(const std::string& flag, const std::string& value, Request& request) {
  if (flag == "--shape") return {};
  if (flag == "--dtype") {
    const auto type = float_type(value);
    if (!type) return Error{ErrorCode::usage, "no such type: " + value, flag, "float32, bfloat16 or float16"};
    request.type = *type;
    return {};
  }
  const std::map<std::string, std::int64_t*> sizes = {{"--hidden", &request.shape.hidden}, {"--layers", &request.shape.layers},
                                                      {"--heads", &request.shape.heads},   {"--intermediate", &request.shape.intermediate},
                                                      {"--vocab", &request.shape.vocab},   {"--positions", &request.shape.positions},
                                                      {"--labels", &request.shape.labels}};
  const auto found = sizes.find(flag);
  if (found == sizes.end()) return Error{ErrorCode::usage, "no such flag", flag, "see make_checkpoint --help"};
  PLIMSOLL_TRY(*found->second, positive(flag, value));
  return {};
}

Result<Request> parse(const std::vector<std::string>& arguments) {
  Request request;
  if (arguments.empty() || arguments[0].starts_with("-")) return Error{ErrorCode::usage, "the first argument is a folder", "", kUsage};
  request.folder = arguments[0];
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    if (arguments[i] != "--shape") continue;
    const auto shape = preset(arguments[i + 1]);
    if (!shape) return Error{ErrorCode::usage, "no such shape: " + arguments[i + 1], "--shape", "large, base or tiny"};
    request.shape = *shape;
  }
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "--old-names") {
      request.shape.old_names = true;
      continue;
    }
    if (arguments[i] == "--holes") {
      request.holes = true;
      continue;
    }
    if (i + 1 == arguments.size()) return Error{ErrorCode::usage, "needs a value", arguments[i]};
    PLIMSOLL_CHECK(apply(arguments[i], arguments[i + 1], request));
    ++i;
  }
  if (request.shape.hidden % request.shape.heads != 0) return Error{ErrorCode::usage, "not a divisor of --hidden", "--heads"};
  if (request.shape.vocab < kSmallestVocabulary)
    return Error{ErrorCode::usage, fmt::format("less than {}", kSmallestVocabulary), "--vocab"};
  return request;
}

/// The safetensors header with its length in front, padded so that data begins at a multiple of 8.
std::string header_of(const std::vector<BertTensor>& tensors, ElementType type) {
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::int64_t offset = 0;
  for (const BertTensor& tensor : tensors) {
    const std::int64_t end = offset + tensor.count() * static_cast<std::int64_t>(element_bytes(type));
    json += fmt::format(",\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", tensor.name, safetensors_name(type),
                        fmt::join(tensor.dims, ","), offset, end);
    offset = end;
  }
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  const std::uint64_t length = json.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + json;
}

/// Values [first, first + count) of a tensor, in the file's type.
void fill(const BertTensor& tensor, std::int64_t first, std::int64_t count, ElementType type, std::vector<char>& out) {
  const std::uint64_t stream = stream_of(tensor.name);
  const auto store = [&](auto convert) {
    using Stored = decltype(convert(0.0F));
    for (std::int64_t i = 0; i < count; ++i) {
      const Stored value = convert(tensor.mean + kRange * normal_value(stream, static_cast<std::uint64_t>(first + i)));
      std::memcpy(out.data() + i * static_cast<std::int64_t>(sizeof(value)), &value, sizeof(value));
    }
  };
  if (type == ElementType::float32) store([](float v) { return v; });
  else if (type == ElementType::bfloat16) store(to_bfloat16);
  else store(to_float16);
}

Status write_model(const fs::path& path, const std::vector<BertTensor>& tensors, ElementType type) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::string header = header_of(tensors, type);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  const auto size = static_cast<std::int64_t>(element_bytes(type));
  std::vector<char> chunk(static_cast<std::size_t>(kChunk * size));
  for (const BertTensor& tensor : tensors) {
    for (std::int64_t first = 0; first < tensor.count(); first += kChunk) {
      const std::int64_t count = std::min(kChunk, tensor.count() - first);
      fill(tensor, first, count, type, chunk);
      file.write(chunk.data(), count * size);
    }
  }
  file.close();
  if (!file) return io_error("cannot be written", path);
  return {};
}

Status write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return io_error("cannot be written", path);
  return {};
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Writer {
 public:
  explicit Writer(const Request& request)
      : request_(request),
        tensors_(bert_tensors(request.shape)),
        config_(bert_config(request.shape, std::string(element_name(request.type)))) {}

  /// config.json is written last, so that a folder with the right one was finished.
  bool complete() const {
    std::error_code missing;
    const auto size = fs::file_size(request_.folder / "model.safetensors", missing);
    return !missing && size == model_bytes() && contents(request_.folder / "config.json") == config_;
  }

  Status write() const {
    const fs::path& folder = request_.folder;
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure) return io_error("cannot be created: " + failure.message(), folder);
    fs::remove(folder / "config.json", failure);
    PLIMSOLL_CHECK(request_.holes ? write_holes(folder / "model.safetensors")
                                  : write_model(folder / "model.safetensors", tensors_, request_.type));
    PLIMSOLL_CHECK(write_file(folder / "vocab.txt", word_list(request_.shape.vocab)));
    PLIMSOLL_CHECK(write_file(folder / "tokenizer_config.json", tokenizer_config()));
    return write_file(folder / "config.json", config_);
  }

  std::uint64_t model_bytes() const {
    return header_of(tensors_, request_.type).size() + static_cast<std::uint64_t>(parameters()) * element_bytes(request_.type);
  }

  std::int64_t parameters() const {
    std::int64_t sum = 0;
    for (const BertTensor& tensor : tensors_) sum += tensor.count();
    return sum;
  }

 private:
  Status write_holes(const fs::path& path) const {
    PLIMSOLL_CHECK(write_file(path, header_of(tensors_, request_.type)));
    std::error_code failure;
    fs::resize_file(path, model_bytes(), failure);
    if (failure) return io_error("cannot be made longer: " + failure.message(), path);
    return {};
  }

  std::string tokenizer_config() const {
    return fmt::format("{{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true, \"model_max_length\": {}}}\n",
                       request_.shape.positions);
  }

  const Request& request_;
  std::vector<BertTensor> tensors_;
  std::string config_;
};

int run(const std::vector<std::string>& arguments) {
  const bool help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
  if (help) return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  const auto request = parse(arguments);
  Status status = request.ok() ? Status{} : Status(request.error());
  if (request.ok()) {
    const Writer writer(*request);
    const bool complete = writer.complete();
    if (!complete) status = writer.write();
    if (status.ok()) {
      fmt::print("{}: {} parameters, {} bytes{}\n", request->folder.string(), writer.parameters(), writer.model_bytes(),
                 complete ? " (there already)" : "");
    }
  }
  if (status.ok()) return 0;
  fmt::print(stderr, "make_checkpoint: error: {}\n", message(status.error()));
  return exit_code(status.error().code);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) { return plimsoll::bench::run({argv + 1, argv + argc}); }
