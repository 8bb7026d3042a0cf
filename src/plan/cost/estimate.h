#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "plan/candidates/candidate.h"
#include "plan/cost/pass_time.h"
#include "plan/layout/layout.h"

namespace plimsoll {

/// What some blocks of a stage take, before it is rounded to pages.
struct Figures {
  std::uint64_t device = 0;        ///< bytes of weights where they are computed
  std::uint64_t host = 0;          ///< of weights that an accelerator is fed with from there
  std::uint64_t load_slot = 0;     ///< largest read that needs a slot
  std::vector<TimedBlocks> times;  ///< of one full pass; not added up
  PassCopies copies;               ///< of all of them as one stage; not added up
  SlotRing ring;                   ///< measured, without chunks
  std::uint64_t activations = 0;
  std::uint64_t inputs = 0;  ///< of the activations: what the host has as well
  std::uint64_t workspace = 0;

  /// Blocks that follow in the same stage.
  void add(const Figures& next);
  /// A ring has room for chunks of every block that could stream, whether it does or not.
  void widen(const SlotRing& other);
};

/// The arenas of a stage.
struct Shares {
  Share host;
  Share device;  ///< of an accelerator
};
Shares shares_of(const LayoutRequest& request, const Candidate& candidate, const Figures& figures);

/// Figures of many candidates, each in time linear in the blocks: what a block takes depends on its own storage type, whether it stays,
/// and the shape of the pass and the ring alone, so it is added up from few variants in which all blocks are alike. Those of the last
/// size of a pass are kept: candidates of one size had better come one after the other.
class Estimator {
 public:
  /// `request` is for an abridged program, and must outlive it.
  explicit Estimator(const LayoutRequest& request);

  /// Of a stage for which that program stands; `runs` says by block of the stage which block of it does (abridged.h), counted from that
  /// of the first; it outlives the estimator.
  Figures figures(const Candidate& candidate, std::span<const std::int32_t> runs);

 private:
  /// What one block takes.
  struct BlockFigures {
    std::uint64_t device = 0;     ///< bytes of weights there
    std::uint64_t host = 0;       ///< beside an accelerator
    std::uint64_t load_slot = 0;  ///< largest read that needs a slot
    BlockTime time;
  };
  /// All blocks alike: stored in one type, with one home.
  struct Variant {
    std::vector<BlockFigures> blocks;
    SlotRing ring;  ///< measured, without chunks
  };
  /// What all blocks share.
  struct Pass {
    std::uint64_t activations = 0;
    std::uint64_t inputs = 0;  ///< of the activations: what the host has as well
    std::uint64_t workspace = 0;
    PassCopies copies;
  };
  using PassKey = std::tuple<std::int64_t, std::int64_t, ElementType, ElementType, Home>;
  static PassKey pass_key(const Candidate& candidate, std::int64_t blocks);
  void forget_other_sizes(const Candidate& next);
  Variant measure(const LayoutRequest& request, const Candidate& candidate, ElementType type, Home home) const;
  const Variant& variant(const Candidate& candidate, const PassKey& pass, ElementType type, Home home);
  const BlockFigures& first_block(const Candidate& candidate, const PassKey& pass, ElementType type, Home home);
  const Pass& pass(const Candidate& candidate, const PassKey& key);
  std::vector<Home> homes(const Candidate& candidate, std::span<const std::int32_t> runs);

  const LayoutRequest& request_;
  std::vector<bool> streamable_;           // by block of the abridged program
  std::span<const std::int32_t> ordered_;  // the stage that `order_` is of
  std::vector<std::int64_t> order_;        // residency_order
  std::map<PassKey, Pass> passes_;
  using VariantKey = std::tuple<PassKey, ElementType, Home, std::uint64_t, std::int32_t>;
  std::map<VariantKey, Variant> variants_;
  std::map<VariantKey, BlockFigures> first_blocks_;  // beside a word table that is elsewhere; other blocks do not see it
  std::optional<Program> first_program_;             // of that block alone
};

}  // namespace plimsoll
