#include "plan/layout/stage_program.h"

namespace plimsoll {

std::vector<Touched> touched_blocks(const Program& program) {
  std::vector<Touched> touched(program.values.size());
  for (std::int64_t b = 0; b < std::ssize(program.blocks); ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      OpValues used = op_values(op);
      used.reads.push_back(used.writes);
      for (const ValueId id : used.reads) {
        Touched& value = touched[static_cast<std::size_t>(id)];
        if (value.first < 0) value.first = b;
        value.last = b;
      }
    }
  }
  return touched;
}

StageCutter::StageCutter(const Program& program) : program_(program), touched_(touched_blocks(program)) {}

Program StageCutter::program(std::int64_t first, std::int64_t count) const {
  Program stage;
  stage.ids = program_.ids;
  stage.position_ids = program_.position_ids;
  stage.type_ids = program_.type_ids;
  stage.text_starts = program_.text_starts;
  stage.logits = program_.logits;
  stage.head_dim = program_.head_dim;
  stage.blocks.assign(program_.blocks.begin() + first, program_.blocks.begin() + first + count);
  stage.weights.reserve(program_.weights.size());
  for (const Weight& weight : program_.weights) stage.weights.push_back({{}, weight.role, weight.outputs, weight.inputs, {}, {}});
  for (const Block& block : stage.blocks) {
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) stage.weights[static_cast<std::size_t>(id)] = program_.weights[static_cast<std::size_t>(id)];
    }
  }
  stage.values.reserve(program_.values.size());
  for (std::size_t i = 0; i < program_.values.size(); ++i) {
    const Value& value = program_.values[i];
    const bool handed_on = touched_[i].crosses() && value.lifetime == Lifetime::op;
    stage.values.push_back({{}, value.rows, value.cols, value.type, handed_on ? Lifetime::stage : value.lifetime});
  }
  return stage;
}

StageValues StageCutter::values(std::int64_t first, std::int64_t count) const {
  std::vector<bool> read(program_.values.size());
  std::vector<bool> written(program_.values.size());
  for (std::int64_t b = first; b < first + count; ++b) {
    for (const Op& op : program_.blocks[static_cast<std::size_t>(b)].ops) {
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
    if (written[i] && (touched_[i].last >= first + count || id == program_.logits)) values.outputs.push_back(id);
  }
  return values;
}

Program stage_program(const Program& program, std::int64_t first, std::int64_t count) { return StageCutter(program).program(first, count); }

StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count) {
  return StageCutter(program).values(first, count);
}

}  // namespace plimsoll
