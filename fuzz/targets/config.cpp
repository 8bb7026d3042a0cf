// A config.json, up to the Program that it describes.
#include "json/json_document.h"
#include "model/families.h"
#include "model/program.h"
#include "target.h"

namespace plimsoll::fuzz {
namespace {

// Model::open asks for a tensor a layer before it makes a Program; no file here is as large as that.
constexpr std::int64_t kMostLayers = 64;

void check_program(const Program& program) {
  const auto is_value = [&](ValueId id) { return id >= 0 && static_cast<std::size_t>(id) < program.values.size(); };
  const auto is_weight = [&](WeightId id) { return id >= 0 && static_cast<std::size_t>(id) < program.weights.size(); };
  for (const Block& block : program.blocks) {
    for (const Op& op : block.ops) {
      const OpValues values = op_values(op);
      require(is_value(values.writes), "an op writes a value");
      for (const ValueId id : values.reads) require(is_value(id), "an op reads values");
      for (const WeightId id : op_weights(op)) require(is_weight(id), "an op uses weights");
    }
  }
  for (const Weight& weight : program.weights) {
    std::int64_t rows = 0;
    for (const WeightPart& part : weight.parts) rows += part.rows;
    require(weight.outputs > 0 && weight.inputs > 0, "no weight is empty");
    require(rows == (weight.role == WeightRole::vector ? weight.inputs : weight.outputs), "a weight's parts make the whole");
  }
  require(program.pass_flops(1, 1) > 0, "a pass computes something");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const auto document = JsonDocument::parse(fuzz::text_of(data, size), "config.json");
  if (!fuzz::good(document)) return 0;
  const auto spec = read_arch_spec(*document);
  if (!fuzz::good(spec)) return 0;
  fuzz::require(!spec->labels.empty() && spec->heads > 0 && spec->hidden_size % spec->heads == 0, "a spec makes sense");
  if (spec->layers <= fuzz::kMostLayers) fuzz::check_program(encoder_program(*spec));
  return 0;
}
