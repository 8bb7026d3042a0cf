#include "plan/candidates/candidate.h"

#include <algorithm>
#include <array>
#include <limits>

#include "plan/candidates/residency.h"

namespace plimsoll {
namespace {

// Tokens of a pass when nobody asks for more: matrix products run at full rate well below this.
constexpr std::int64_t kAutomaticTokens = 1024;
// Texts of a pass cost memory each, used or not; short texts average about this many tokens.
constexpr std::int64_t kTokensPerShortText = 16;

// Of passes larger than this few sizes are tried: they are as fast as this one.
constexpr std::int64_t kManyTokens = 1 << 17;
constexpr std::int64_t kStepOfManyTokens = 16;

// Tokens are numbered in 32 bits; and no size of a pass overflows.
constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();

struct PassSize {
  std::int64_t tokens = 0;
  std::int64_t texts = 0;
  bool microbatch = false;
};

bool contains(const std::vector<Rung>& rungs, Rung rung) { return std::find(rungs.begin(), rungs.end(), rung) != rungs.end(); }

// A network of more blocks is tried with every other size.
constexpr std::int64_t kVeryDeep = 144;

// The next smaller pass that is tried.
std::int64_t fewer_texts(std::int64_t texts, std::int64_t longest, std::int64_t blocks) {
  const std::int64_t half = blocks > kVeryDeep ? (texts + 3) / 4 : (texts + 1) / 2;
  const std::int64_t many = std::max<std::int64_t>(kManyTokens / longest, 1);
  return half > many ? std::max(texts / kStepOfManyTokens, many) : half;
}

// From a batch of `batch_size` texts down to one: every text may be the longest.
std::vector<PassSize> asked_sizes(const Workload& workload, std::int64_t blocks, bool may_shrink) {
  std::vector<PassSize> sizes;
  std::int64_t most = std::min(workload.batch_size, std::max<std::int64_t>(kMostTokens / workload.longest, 1));
  if (workload.texts > 0) most = std::min(most, workload.texts);
  for (std::int64_t texts = most;; texts = fewer_texts(texts, workload.longest, blocks)) {
    std::int64_t tokens = texts * workload.longest;
    if (workload.total_tokens > 0) tokens = std::max(std::min(tokens, workload.total_tokens), workload.longest);
    sizes.push_back({tokens, texts, texts < most});
    if (texts == 1 || !may_shrink) return sizes;
  }
}

// From the automatic size down to the longest text alone.
std::vector<PassSize> automatic_sizes(const Workload& workload) {
  std::vector<PassSize> sizes;
  std::int64_t tokens = kAutomaticTokens;
  if (workload.total_tokens > 0) tokens = std::min(tokens, workload.total_tokens);
  for (tokens = std::max(tokens, workload.longest);; tokens = std::max((tokens + 1) / 2, workload.longest)) {
    std::int64_t texts = std::max<std::int64_t>(tokens / kTokensPerShortText, 1);
    // Where they are known, as many as so many tokens hold on the average: of short texts, more.
    if (workload.texts > 0 && workload.total_tokens > 0) {
      const double average = static_cast<double>(workload.total_tokens) / static_cast<double>(workload.texts);
      texts = std::max(texts, static_cast<std::int64_t>(static_cast<double>(tokens) / average));
    }
    if (workload.texts > 0) texts = std::min(texts, workload.texts);
    // No more than so many texts can have.
    sizes.push_back({std::min(tokens, texts * workload.longest), texts, false});
    if (tokens == workload.longest) return sizes;
  }
}

// Numbers of narrowed blocks that are tried at most: of a very deep network not every one.
constexpr std::int64_t kMostNarrowings = 64;

int loss_of(ElementType narrowed) { return narrowed == ElementType::float16 ? 1 : 2; }

// Whether keeping all matrices in `type` rounds none of them: every one is stored in it.
bool all_stored_as(ElementType type, const Program& program, const Binding& binding) {
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const BoundPart& part = binding.weights[i].front();
    if (program.weights[i].role == WeightRole::matrix && part.tensor != nullptr && part.type != type) return false;
  }
  return true;
}

// Storage and compute types, before any permitted narrowing, best first.
std::vector<Candidate> base_precisions(const Program& program, const Binding& binding, const Policy& policy, bool native_bfloat16) {
  const Precision asked = choose_precision(policy.dtype, binding.stored_type, native_bfloat16);
  Candidate base;
  base.storage = asked.storage;
  base.compute = asked.compute;
  std::vector<Candidate> list = {base};
  // The file's own narrower type holds the same numbers in half the memory: no precision is lost by keeping it.
  if (asked.storage == ElementType::float32 && element_bytes(binding.stored_type) == 2 &&
      all_stored_as(binding.stored_type, program, binding)) {
    base.storage = binding.stored_type;
    list.push_back(base);
  }
  return list;
}

std::vector<Candidate> with_narrowing(std::vector<Candidate> list, const Policy& policy, std::int64_t blocks, bool native_bfloat16) {
  const Candidate wide = list.front();
  if (wide.storage != ElementType::float32 || list.size() > 1) return list;
  for (const Rung rung : {Rung::float16, Rung::bfloat16}) {
    if (!contains(policy.allow, rung) || forbids(policy, rung)) continue;
    const std::int64_t stride = std::max<std::int64_t>(blocks / kMostNarrowings, 1);
    for (std::int64_t number = stride; number < blocks + stride; number += stride) {
      const std::int64_t narrowed = std::min(number, blocks);
      Candidate candidate = wide;
      candidate.narrowing = rung;
      candidate.narrowed_blocks = narrowed;
      candidate.loss = static_cast<int>(narrowed) * 4 + loss_of(rung == Rung::float16 ? ElementType::float16 : ElementType::bfloat16);
      list.push_back(candidate);
    }
  }
  if (contains(policy.allow, Rung::bfloat16) && !forbids(policy, Rung::bfloat16) && native_bfloat16) {
    Candidate candidate = wide;  // everything in bfloat16, products too: the fastest, and the last in precision
    candidate.storage = candidate.compute = ElementType::bfloat16;
    candidate.narrowing = Rung::bfloat16;
    candidate.narrowed_blocks = blocks;
    candidate.loss = static_cast<int>(blocks) * 4 + 3;
    list.push_back(candidate);
  }
  return list;
}

// Of the last, one panel's rows are in use and one's on their way.
constexpr std::array<RingShape, 9> kRingShapes = {{{4U << 20U, 8},
                                                   {4U << 20U, 6},
                                                   {4U << 20U, 4},
                                                   {4U << 20U, 3},
                                                   {2U << 20U, 4},
                                                   {2U << 20U, 3},
                                                   {1U << 20U, 3},
                                                   {1U << 20U, 2},
                                                   {1, 2}}};

constexpr std::size_t kDeepRings = 2;  // the first so many

// Where streamed blocks come from: disk; for an accelerator also the host's memory, wholly or in part. A gathered table is on disk, or
// with blocks that all come from the host; an accelerator may also keep it, for its rows are fetched through the host's memory.
void add_sources(Candidate candidate, bool gathers, std::vector<Candidate>& list) {
  const auto add = [&](std::int64_t host_blocks, Home table) {
    candidate.host_blocks = host_blocks;
    if (gathers) candidate.table = table;
    list.push_back(candidate);
  };
  const std::int64_t streamed = candidate.streamed_blocks;
  if (candidate.device > 0) add(streamed, Home::host);
  if (candidate.device > 0 && gathers && streamed > 0) add(streamed, Home::disk);
  for (std::int64_t quarters = 3; candidate.device > 0 && quarters > 0; --quarters) {
    if (const std::int64_t host = streamed * quarters / 4; host > 0 && host < candidate.host_blocks) add(host, Home::disk);
  }
  if (candidate.device == 0 || streamed > 0 || gathers) add(0, Home::disk);
  if (candidate.device == 0 || !gathers || streamed == 0) return;
  add(streamed, Home::device);
  add(0, Home::device);
}

bool reads_disk(const Candidate& candidate) { return candidate.table == Home::disk || candidate.host_blocks < candidate.streamed_blocks; }

}  // namespace

Movable find_movable(const Program& program, const Binding& binding) {
  return {std::ssize(program.blocks), std::ssize(residency_order(program, binding)), gatherable_table(program, binding) != kNone};
}

// Everything; all but the word table; ever fewer blocks beside it.
std::vector<Candidate> placements(Candidate candidate, const Movable& movable, const Policy& policy) {
  std::vector<Candidate> list;
  const std::int64_t most = movable.streamable;
  const bool partly_narrowed = candidate.narrowing && candidate.narrowed_blocks < movable.blocks;
  const bool has_elsewhere = policy.use_disk || candidate.device > 0;
  const bool may_stream = !forbids(policy, Rung::stream) && !partly_narrowed && most > 0 && has_elsewhere;
  const bool may_gather = !forbids(policy, Rung::gather) && movable.table && has_elsewhere;
  const bool may_stay = !policy.stream_everything || !may_stream;
  if (may_stay) list.push_back(candidate);
  if (may_gather && may_stay) add_sources(candidate, true, list);
  std::span<const RingShape> rings;
  if (may_stream) rings = candidate.device == 0 ? host_ring_shapes(policy) : ring_shapes(policy);
  for (const RingShape& ring : rings) {
    candidate.chunk_bytes = ring.chunk_bytes;
    candidate.slots = ring.slots;
    // Of a very deep network not every number is tried: a few blocks more or less are a percent or two.
    const std::int64_t stride = may_stay ? std::max<std::int64_t>(most / movable.steps, 1) : most;
    for (candidate.streamed_blocks = most; candidate.streamed_blocks > 0; candidate.streamed_blocks -= stride)
      add_sources(candidate, may_gather, list);
  }
  if (!policy.use_disk) std::erase_if(list, reads_disk);
  return list;
}

Precision choose_precision(std::optional<ElementType> dtype, ElementType stored_type, bool native_bfloat16) {
  ElementType storage = dtype.value_or(stored_type);
  if (storage == ElementType::float64) storage = ElementType::float32;
  const bool multiplies_bfloat16 = storage == ElementType::bfloat16 && native_bfloat16;
  return {storage, multiplies_bfloat16 ? ElementType::bfloat16 : ElementType::float32};
}

bool forbids(const Policy& policy, Rung rung) { return contains(policy.forbid, rung); }

ElementType block_storage(const Candidate& candidate, std::int64_t block, std::int64_t blocks) {
  if (!candidate.narrowing || block < blocks - candidate.narrowed_blocks) return candidate.storage;
  return *candidate.narrowing == Rung::float16 ? ElementType::float16 : ElementType::bfloat16;
}

std::span<const RingShape> host_ring_shapes(const Policy& policy) {
  const std::span<const RingShape> all(kRingShapes);
  return policy.smallest_chunks ? all.last(1) : all;
}

std::span<const RingShape> ring_shapes(const Policy& policy) {
  const std::span<const RingShape> all = host_ring_shapes(policy);
  return all.size() > kDeepRings ? all.subspan(kDeepRings) : all;
}

std::vector<Candidate> resident_candidates(const Program& program, const Binding& binding, const Workload& workload, const Policy& policy,
                                           bool native_bfloat16, std::int32_t device) {
  const bool may_shrink = !forbids(policy, Rung::microbatch);
  std::vector<PassSize> sizes =
      workload.batch_size > 0 ? asked_sizes(workload, std::ssize(program.blocks), may_shrink) : automatic_sizes(workload);
  const auto held = [&](const PassSize& size) { return size.tokens <= workload.held_tokens && size.texts <= workload.held_texts; };
  while (workload.held_tokens > 0 && sizes.size() > 1 && !held(sizes.front())) sizes.erase(sizes.begin());
  std::vector<Candidate> list;
  for (const Candidate& precision :
       with_narrowing(base_precisions(program, binding, policy, native_bfloat16), policy, std::ssize(program.blocks), native_bfloat16)) {
    for (const PassSize& size : sizes) {
      Candidate candidate = precision;
      candidate.tokens_per_pass = size.tokens;
      candidate.texts_per_pass = size.texts;
      candidate.microbatch = size.microbatch;
      candidate.device = device;
      list.push_back(candidate);
    }
  }
  return list;
}

}  // namespace plimsoll
