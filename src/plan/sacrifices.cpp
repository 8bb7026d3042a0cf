#include "plan/sacrifices.h"

#include <algorithm>

#include "plan/candidates/residency.h"

namespace plimsoll {
namespace {

class Comparison {
 public:
  Comparison(const std::vector<LayoutRequest>& requests, const Budgets& budgets, const Option& chosen, const Option& unlimited)
      : requests_(requests), budgets_(budgets), chosen_(chosen), unlimited_(unlimited), program_(*requests.front().program) {}

  std::vector<Sacrifice> list() const {
    std::vector<Sacrifice> list;
    const Candidate& candidate = chosen_.shared();
    const Candidate& wished = unlimited_.shared();
    const double cost = std::max(
        0.0, chosen_.pass * static_cast<double>(wished.tokens_per_pass) / static_cast<double>(candidate.tokens_per_pass) - unlimited_.pass);
    const Bytes saved = saturating_sub(unlimited_.sum(), chosen_.sum());
    // Another accelerator than the fastest is no rung of the ladder: what it costs, the pass's time says.
    if (const std::string moved = where_it_computes(); !moved.empty() && computes_on_host())
      list.push_back({Rung::cpu, cost, saved, moved});
    if (candidate.gathers()) list.push_back(without(Rung::gather, gather_reason(candidate)));
    if (candidate.microbatch) {
      list.push_back(
          {Rung::microbatch, cost, saved,
           "passes of " + std::to_string(candidate.texts_per_pass) + " texts instead of " + std::to_string(wished.texts_per_pass)});
    }
    if (count(&Candidate::streamed_blocks) > 0) list.push_back(without(Rung::stream, stream_reason()));
    if (candidate.narrowing) {
      const std::string type(rung_name(*candidate.narrowing));
      list.push_back({*candidate.narrowing, cost, saved,
                      std::to_string(candidate.narrowed_blocks) + " of " + std::to_string(program_.blocks.size()) +
                          " blocks are stored in " + type + ", as --allow permits"});
    }
    return list;
  }

 private:
  const std::string& name(std::int32_t device) const { return requests_[static_cast<std::size_t>(device)].device->name; }

  bool computes_on_host() const {
    return std::any_of(chosen_.stages.begin(), chosen_.stages.end(), [](const StageChoice& stage) { return stage.candidate.device == 0; });
  }

  // Of a plan of one stage on another device, or of several of which the host has one.
  std::string where_it_computes() const {
    const std::int32_t wished = unlimited_.shared().device;
    if (chosen_.stages.size() == 1 && unlimited_.stages.size() == 1) {
      const std::int32_t device = chosen_.shared().device;
      const bool unusable = budgets_[static_cast<std::size_t>(wished)].count == 0;
      const std::string reason = unusable ? "there is no memory" : "it does not fit";
      return device == wished ? "" : "computed on " + name(device) + ", because " + reason + " on " + name(wished);
    }
    if (unlimited_.stages.size() > 1 || wished == 0 || !computes_on_host()) return "";
    std::int64_t blocks = 0;
    for (const StageChoice& stage : chosen_.stages) blocks += stage.candidate.device == 0 ? stage.blocks : 0;
    return std::to_string(blocks) + " of " + std::to_string(program_.blocks.size()) + " blocks are computed on " + name(0) +
           ", because they do not fit on " + name(wished);
  }

  std::int64_t count(std::int64_t Candidate::*blocks) const {
    std::int64_t sum = 0;
    for (const StageChoice& stage : chosen_.stages) sum += stage.candidate.*blocks;
    return sum;
  }

  // Against the same stages without `rung`, on the devices that it saves memory of.
  Sacrifice without(Rung rung, std::string why) const {
    std::vector<StageChoice> stages = chosen_.stages;
    std::vector<bool> affected(requests_.size());
    for (StageChoice& stage : stages) {
      Candidate& candidate = stage.candidate;
      const bool drops = rung == Rung::gather ? candidate.gathers() : candidate.streamed_blocks > 0;
      if (!drops) continue;
      affected[static_cast<std::size_t>(candidate.device)] = true;
      if (rung == Rung::gather) {
        candidate.table = Home::device;
        continue;
      }
      candidate.streamed_blocks = candidate.host_blocks = candidate.slots = 0;
      candidate.chunk_bytes = 0;
      candidate.homes.reset();
    }
    StageEstimator estimator(requests_);
    const StagedFigures with = estimator.estimate(chosen_.stages);
    const StagedFigures other = estimator.estimate(stages);
    Bytes more;
    Bytes less;
    for (std::size_t d = 0; d < affected.size(); ++d) {
      if (!affected[d]) continue;
      more += other.arenas[d];
      less += with.arenas[d];
    }
    return {rung, std::max(0.0, chosen_.pass - other.pass_seconds), saturating_sub(more, less), std::move(why)};
  }

  static std::string gather_reason(const Candidate& candidate) {
    if (candidate.table == Home::disk) return "rows of the word table are read from disk as texts need them";
    return "rows of the word table are copied from the host's memory as texts need them";
  }

  std::string stream_reason() const {
    const auto blocks = std::to_string(residency_order(program_, *requests_.front().binding).size());
    const std::int64_t host = count(&Candidate::host_blocks);
    const std::int64_t disk = count(&Candidate::streamed_blocks) - host;
    std::string from_disk = std::to_string(disk) + " of " + blocks + " layers with weights are read from disk in every pass";
    if (host == 0) return from_disk;
    const std::string from_host = std::to_string(host) + " of " + blocks + " layers with weights come from the host's memory in every pass";
    return disk == 0 ? from_host : from_host + ", and " + from_disk;
  }

  const std::vector<LayoutRequest>& requests_;
  const Budgets& budgets_;
  const Option& chosen_;
  const Option& unlimited_;
  const Program& program_;
};

}  // namespace

std::vector<Sacrifice> list_sacrifices(const std::vector<LayoutRequest>& requests, const Budgets& budgets, const Option& chosen,
                                       const Option& unlimited) {
  return Comparison(requests, budgets, chosen, unlimited).list();
}

}  // namespace plimsoll
