#include "device/cpu/cpu_kernels.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "device/cpu/check.h"
#include "device/cpu/dispatch.h"
#include "device/cpu/work.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kItemsPerThread = 4;

/// Splits `count` things into about four parts a thread, each a multiple of `multiple`.
struct Split {
  std::int64_t count = 0;
  std::int64_t part = 1;
  Split(std::int64_t things, std::int64_t multiple, int threads)
      : count(things), part(cpu::round_up(std::max<std::int64_t>(1, things / (kItemsPerThread * threads)), multiple)) {}
  std::int64_t parts() const { return (count + part - 1) / part; }
  std::int64_t begin(std::int64_t i) const { return i * part; }
  std::int64_t end(std::int64_t i) const { return std::min(count, (i + 1) * part); }
};

/// Query blocks of all texts, numbered so that a number finds its text by bisection: text b's blocks begin at
/// text_starts[b] / kQueryRows + b. Some numbers have no block.
class QueryBlocks {
 public:
  explicit QueryBlocks(std::span<const std::int32_t> starts) : starts_(starts) {}

  std::int64_t texts() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  std::int64_t count() const { return starts_.size() < 2 ? 0 : first_block(texts()); }

  cpu::AttentionItem item(std::int64_t block) const {
    std::int64_t low = 0;
    for (std::int64_t high = texts(); high - low > 1;) {
      const std::int64_t middle = (low + high) / 2;
      (first_block(middle) <= block ? low : high) = middle;
    }
    cpu::AttentionItem item;
    item.text_begin = start(low);
    item.text_end = start(low + 1);
    item.query_begin = item.text_begin + (block - first_block(low)) * cpu::kQueryRows;
    item.query_end = std::min(item.text_end, item.query_begin + cpu::kQueryRows);
    return item;
  }

 private:
  std::int64_t start(std::int64_t text) const { return starts_[static_cast<std::size_t>(text)]; }
  std::int64_t first_block(std::int64_t text) const { return (start(text) - start(0)) / cpu::kQueryRows + text; }

  std::span<const std::int32_t> starts_;
};

}  // namespace

std::int64_t cpu_workspace_bytes(const WorkspaceNeeds& needs) { return cpu::thread_scratch_bytes(needs) * needs.threads; }

Result<std::unique_ptr<CpuKernels>> CpuKernels::create(ThreadPool& pool, CpuFeatures features, const WorkspaceNeeds& needs,
                                                       std::span<std::byte> workspace) {
  const cpu::KernelTable* table = cpu::kernels_for(features);
  if (table == nullptr) {
    return Error{ErrorCode::unsupported, "this processor has no " + std::string(cpu_features_name(features)), "cpu",
                 "set PLIMSOLL_ISA to what it has: " + std::string(cpu_features_name(detect_cpu_features()))};
  }
  const std::int64_t bytes = cpu_workspace_bytes(needs);
  if (pool.threads() > needs.threads || static_cast<std::int64_t>(workspace.size()) < bytes) {
    return Error{ErrorCode::internal,
                 "CPU kernels were planned for " + std::to_string(needs.threads) + " threads and " + std::to_string(bytes) +
                     " bytes of workspace, and got " + std::to_string(pool.threads()) + " and " + std::to_string(workspace.size()),
                 "cpu"};
  }
  auto kernels = std::unique_ptr<CpuKernels>(new CpuKernels());
  kernels->pool_ = &pool;
  kernels->features_ = features;
  kernels->needs_ = needs;
  kernels->workspace_ = workspace;
  kernels->table_ = table;
  return kernels;
}

Result<std::unique_ptr<Kernels>> make_cpu_kernels(ThreadPool& pool, CpuFeatures features, const WorkspaceNeeds& needs,
                                                  std::span<std::byte> workspace) {
  PLIMSOLL_TRY(auto kernels, CpuKernels::create(pool, features, needs, workspace));
  return std::unique_ptr<Kernels>(std::move(kernels));
}

std::byte* CpuKernels::scratch(int worker) const { return workspace_.data() + worker * cpu::thread_scratch_bytes(needs_); }

void CpuKernels::enqueue(Stream&, const Step& step) {
  if (!pending_.ok()) return;
  pending_ = std::visit([this](const auto& kind) { return run(kind); }, step);
}

Status CpuKernels::synchronize(Stream&) { return std::exchange(pending_, Status{}); }

Status CpuKernels::run(const EmbedStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  const Split rows(step.out.rows, 1, pool_->threads());
  pool_->run(rows.parts(), [&](int, std::int64_t i) { table_->embed(step, rows.begin(i), rows.end(i)); });
  return {};
}

Status CpuKernels::run(const LayerNormStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  const Split rows(step.out.rows, 1, pool_->threads());
  pool_->run(rows.parts(), [&](int, std::int64_t i) { table_->layer_norm(step, rows.begin(i), rows.end(i)); });
  return {};
}

Status CpuKernels::run(const LinearStep& step) {
  PLIMSOLL_CHECK(cpu::check(step, needs_));
  const bool native = step.x.type == ElementType::bfloat16;
  const auto linear = native ? table_->linear_bfloat16 : table_->linear;
  if (linear == nullptr) return Error{ErrorCode::unsupported, "bfloat16 products on this processor", "linear layer", "compute in float32"};
  const std::int64_t panels = (step.weight.outputs + kPanelOutputs - 1) / kPanelOutputs;
  const std::int64_t most = cpu::linear_rows(cpu::used_in_place(step), needs_);
  const std::int64_t blocks = (step.x.rows + most - 1) / most;
  pool_->run(panels * blocks, [&](int worker, std::int64_t i) {
    cpu::LinearItem item;
    item.panel = i / blocks;
    item.row_begin = i % blocks * step.x.rows / blocks;
    item.row_end = (i % blocks + 1) * step.x.rows / blocks;
    item.next_panel = (i + pool_->threads()) / blocks;
    linear(step, item, scratch(worker));
  });
  return {};
}

Status CpuKernels::run(const AttentionStep& step) {
  PLIMSOLL_CHECK(cpu::check(step, needs_));
  const bool native = step.qkv.type == ElementType::bfloat16;
  const auto attention = native ? table_->attention_bfloat16 : table_->attention;
  if (attention == nullptr) return Error{ErrorCode::unsupported, "bfloat16 products on this processor", "attention", "compute in float32"};
  const QueryBlocks blocks(step.text_starts);
  pool_->run(blocks.count() * step.heads, [&](int worker, std::int64_t i) {
    cpu::AttentionItem item = blocks.item(i / step.heads);
    if (item.query_begin >= item.query_end) return;
    item.head = i % step.heads;
    attention(step, item, scratch(worker));
  });
  return {};
}

Status CpuKernels::run(const GatherRowsStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  const auto size = static_cast<std::int64_t>(element_bytes(step.x.type));
  for (std::int64_t row = 0; row < step.out.rows; ++row) {
    const std::byte* source = step.x.data + step.rows[row] * step.x.stride * size;
    std::memcpy(step.out.data + row * step.out.stride * size, source, static_cast<std::size_t>(step.out.cols * size));
  }
  return {};
}

Status CpuKernels::run(const PrepareStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  const Split rows(step.outputs, step.form.layout == WeightLayout::panels ? kPanelOutputs : 1, pool_->threads());
  pool_->run(rows.parts(), [&](int, std::int64_t i) { table_->prepare(step, rows.begin(i), rows.end(i)); });
  return {};
}

}  // namespace plimsoll
