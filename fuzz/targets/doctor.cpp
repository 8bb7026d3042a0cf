// A log: what is made of it, and how it is shown.
#include <plimsoll/doctor.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "diagnosis/doctor_picture.h"
#include "diagnosis/doctor_writer.h"
#include "target.h"
#include "text/utf8.h"

namespace plimsoll::fuzz {
namespace {

using doctor::Diagnosis;

constexpr std::size_t kMostDiagnoses = 16;
constexpr std::size_t kLongestText = 4000;

/// Whole characters, and none that a terminal obeys; line ends only where there may be lines.
void check_text(std::string_view text, bool lines) {
  require(text.size() <= kLongestText, "no text grows with the log");
  while (!text.empty()) {
    const std::size_t size = cli::utf8_sequence(text);
    require(size > 0, "a text is UTF-8");
    const auto first = static_cast<unsigned char>(text[0]);
    require(size > 1 || first >= 0x20 || (lines && first == '\n'), "a text has no control characters");
    require(size > 1 || first != 0x7F, "nor DEL");
    require(size != 2 || first != 0xC2 || static_cast<unsigned char>(text[1]) >= 0xA0, "nor C1 controls");
    text.remove_prefix(size);
  }
}

void check_texts(const Diagnosis& it) {
  for (const std::string* text : {&it.headline, &it.disagreement, &it.tell_apart, &it.page, &it.model, &it.rank, &it.figures.device})
    check_text(*text, false);
  for (const std::string& finding : it.findings) check_text(finding, false);
  for (const doctor::Remedy& remedy : it.remedies) {
    check_text(remedy.action, false);
    check_text(remedy.why, false);
    check_text(remedy.change, true);
    require(!remedy.action.empty() && !remedy.why.empty() && !remedy.change.empty(), "a remedy says what to do");
  }
  require(!it.headline.empty() && !it.findings.empty() && !it.remedies.empty(), "a diagnosis says what failed, why, and what to do");
}

void check_figures(const doctor::Figures& it) {
  const auto check_figure = [](const std::optional<doctor::Figure>& figure) {
    if (!figure) return;
    require(figure->low <= figure->said && figure->said <= figure->high, "what a log says lies within what it may mean");
    require(figure->high.count < std::uint64_t{1} << 62U, "a number that is none is not a figure");
  };
  for (const auto* figure : {&it.requested, &it.total, &it.free, &it.allocated, &it.cached, &it.reserved, &it.pools, &it.used, &it.limit})
    check_figure(*figure);
  for (const doctor::Process& process : it.processes) check_figure(process.size);
  require(std::ranges::count_if(it.processes, &doctor::Process::self) <= 1, "one process is the one that failed");
}

bool is_one_of(const nlohmann::json& value, std::initializer_list<std::string_view> names) {
  return value.is_string() && std::ranges::find(names, value.get_ref<const std::string&>()) != names.end();
}

// The contract of `doctor --json`, as a reader that is not ours sees it.
void check_json(const nlohmann::json& it) {
  static constexpr std::array<const char*, 6> kSizes = {"requested_bytes", "total_bytes",    "free_bytes",
                                                        "allocated_bytes", "reserved_bytes", "limit_bytes"};
  for (const char* name : kSizes) require(it.at(name).is_null() || it.at(name).is_number_unsigned(), "a size is one, or null");
  require(it.at("source").is_null() ||
              is_one_of(it.at("source"), {"pytorch", "cuda", "nccl", "jax", "tensorflow", "onnxruntime", "llama.cpp", "vllm", "triton",
                                          "cupy", "deepspeed", "bitsandbytes", "ollama", "jetson", "systemd", "kernel", "slurm", "hami"}),
          "a source is known, or has no name");
  require(is_one_of(it.at("cause"), {"too_large", "fragmentation", "other_process", "own_cap", "external_cap", "driver_spill", "host_limit",
                                     "not_vram", "unknown"}),
          "a cause is known");
  require(is_one_of(it.at("confidence"), {"high", "medium", "low"}), "a confidence is known");
  require(it.at("phase").is_null() || is_one_of(it.at("phase"), {"loading", "activations", "kv_cache", "training", "start_up"}),
          "a phase is known");
  for (const auto& process : it.at("processes"))
    require(process.at("pid").is_null() || process.at("pid").is_number(), "a process has a number, or none was said");
  require(it.at("cause") != "unknown" || it.at("confidence") != "high", "nobody is certain of nothing");
}

std::string json_of(const std::vector<Diagnosis>& found) {
  cli::JsonWriter json;
  cli::write_diagnoses(json, found, nullptr);
  return json.text();
}

/// The same log in pieces, cut where its own bytes say.
std::vector<Diagnosis> read_in_pieces(std::string_view log) {
  doctor::LogReader reader;
  while (!log.empty()) {
    const std::size_t size = std::min<std::size_t>(log.size(), 1 + static_cast<unsigned char>(log[log.size() / 2]));
    reader.feed(log.substr(0, size));
    log.remove_prefix(size);
  }
  return reader.finish();
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view log = fuzz::text_of(data, size);
  const auto found = doctor::diagnose(log);
  fuzz::require(found.size() <= fuzz::kMostDiagnoses, "no more diagnoses than anybody reads");
  for (const doctor::Diagnosis& diagnosis : found) {
    fuzz::check_texts(diagnosis);
    fuzz::check_figures(diagnosis.figures);
    fuzz::require(diagnosis.line >= 1 && diagnosis.times >= 1, "a message stands somewhere");
  }
  const std::string json = fuzz::json_of(found);
  const auto parsed = nlohmann::json::parse(json);
  for (const auto& diagnosis : parsed.at("diagnoses")) fuzz::check_json(diagnosis);
  fuzz::require(fuzz::json_of(fuzz::read_in_pieces(log)) == json, "it does not matter how a log is cut into pieces");
  // Lines of the picture; colours are ours, and none are asked for here.
  std::string picture = cli::draw_diagnoses(found, {});
  for (std::size_t at = 0; at < picture.size();) {
    const std::size_t end = std::min(picture.find('\n', at), picture.size());
    fuzz::check_text(std::string_view(picture).substr(at, end - at), false);
    at = end + 1;
  }
  return 0;
}
