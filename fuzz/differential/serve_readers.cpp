// Our readers for the scripts beside this file: a JSON request a line on standard input, a JSON answer a line on standard output.
//   {"safetensors": HEX}                 -> {"tensors": {NAME: [DTYPE, SHAPE, OFFSET, BYTES]}}
//   {"tokenizer": TEXT}                  -> {}; the tokenizer of the requests that follow
//   {"text": TEXT, "text_pair"?: TEXT}   -> {"ids", "type_ids", "special", "attention", "tokens", "offsets", "decoded"}
// or {"error": MESSAGE, "code": NAME}.
#include <plimsoll/tokenizer.h>

#include <iostream>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"
#include "support/fake_os.h"

namespace {

using namespace plimsoll;
using Json = nlohmann::json;

Json refusal(const Error& error) { return {{"error", message(error)}, {"code", error_code_name(error.code)}}; }

std::string from_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return bytes;
}

class Server {
 public:
  Json answer(const Json& request) {
    if (request.contains("safetensors")) return read_tensors(from_hex(request["safetensors"]));
    if (request.contains("tokenizer")) return open_tokenizer(request["tokenizer"]);
    return encode(request);
  }

 private:
  Json read_tensors(std::string file) {
    os_.files = {{"m/model.safetensors", std::move(file)}};
    const auto checkpoint = Checkpoint::open(os_, ledger_, "m");
    if (!checkpoint.ok()) return refusal(checkpoint.error());
    Json tensors = Json::object();
    for (const TensorInfo& tensor : checkpoint->tensors())
      tensors[std::string(tensor.name)] = {file_type_name(tensor.type), std::vector(tensor.shape.begin(), tensor.shape.end()),
                                           tensor.offset, tensor.bytes};
    return {{"tensors", std::move(tensors)}};
  }

  Json open_tokenizer(std::string file) {
    tokenizer_.reset();
    os_.files = {{"m/tokenizer.json", std::move(file)}};
    auto tokenizer = Tokenizer::open(os_, ledger_, "m");
    if (!tokenizer.ok()) return refusal(tokenizer.error());
    tokenizer_ = std::move(*tokenizer);
    return Json::object();
  }

  Json encode(const Json& request) {
    const std::string text = request.at("text");
    const std::string pair = request.value("text_pair", "");
    EncodeInput input{text};
    if (request.contains("text_pair")) input.pair = pair;
    const EncodeOptions options{.file_truncation = true, .file_padding = true, .keep_tokens = true};
    const auto encoding = tokenizer_->encode(input, options, std::pmr::new_delete_resource());
    if (!encoding.ok()) return refusal(encoding.error());
    Json answer = {{"ids", encoding->ids},
                   {"type_ids", encoding->type_ids},
                   {"special", encoding->special},
                   {"attention", encoding->attention},
                   {"tokens", Json::array()},
                   {"offsets", Json::array()},
                   {"decoded", tokenizer_->decode(encoding->ids, true)}};
    for (const auto& token : encoding->tokens) answer["tokens"].push_back(std::string(token));
    for (const TextSpan& span : encoding->offsets) answer["offsets"].push_back({span.start, span.end});
    return answer;
  }

  testing::FakeOs os_;
  Ledger ledger_{"cpu", mib(64)};
  std::optional<Tokenizer> tokenizer_;
};

}  // namespace

int main() {
  Server server;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << server.answer(Json::parse(line)).dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
  return 0;
}
