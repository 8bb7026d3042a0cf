#include "plan/layout/stage_program.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kNobody = -1;

/// Which blocks touch each value.
struct Touched {
  std::int64_t first = kNobody;
  std::int64_t last = kNobody;
};

std::vector<Touched> touches(const Program& program) {
  std::vector<Touched> touched(program.values.size());
  for (std::int64_t b = 0; b < std::ssize(program.blocks); ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      OpValues used = op_values(op);
      used.reads.push_back(used.writes);
      for (const ValueId id : used.reads) {
        Touched& value = touched[static_cast<std::size_t>(id)];
        if (value.first == kNobody) value.first = b;
        value.last = b;
      }
    }
  }
  return touched;
}

}  // namespace

Program stage_program(const Program& program, std::int64_t first, std::int64_t count) {
  Program stage;
  stage.values = program.values;
  stage.ids = program.ids;
  stage.position_ids = program.position_ids;
  stage.type_ids = program.type_ids;
  stage.text_starts = program.text_starts;
  stage.logits = program.logits;
  stage.head_dim = program.head_dim;
  stage.blocks.assign(program.blocks.begin() + first, program.blocks.begin() + first + count);
  for (const Weight& weight : program.weights) stage.weights.push_back({{}, weight.role, weight.outputs, weight.inputs, {}, {}});
  for (const Block& block : stage.blocks) {
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) stage.weights[static_cast<std::size_t>(id)] = program.weights[static_cast<std::size_t>(id)];
    }
  }
  const std::vector<Touched> touched = touches(program);
  for (std::size_t i = 0; i < stage.values.size(); ++i) {
    const bool handed_on = touched[i].first != touched[i].last;
    if (handed_on && stage.values[i].lifetime == Lifetime::op) stage.values[i].lifetime = Lifetime::stage;
  }
  return stage;
}

StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count) {
  const std::vector<Touched> touched = touches(program);
  std::vector<bool> read(program.values.size());
  std::vector<bool> written(program.values.size());
  for (std::int64_t b = first; b < first + count; ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      const OpValues used = op_values(op);
      for (const ValueId id : used.reads) {
        if (!written[static_cast<std::size_t>(id)]) read[static_cast<std::size_t>(id)] = true;
      }
      written[static_cast<std::size_t>(used.writes)] = true;
    }
  }
  StageValues values;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (read[i]) values.inputs.push_back(id);
    if (written[i] && (touched[i].last >= first + count || id == program.logits)) values.outputs.push_back(id);
  }
  return values;
}

}  // namespace plimsoll
