#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "device/cpu/isa.h"
#include "device/device.h"
#include "platform/thread_pool.h"

namespace plimsoll {

namespace cpu {
struct KernelTable;
}

/// Bytes of workspace that the CPU kernels need for any step within `needs`: scratch for each of `needs.threads` threads,
/// a multiple of 64. A pure function. A workspace of this size is used to within 64 bytes of its end by the
/// step that needs most (and, for each thread, only if that thread gets work).
std::int64_t cpu_workspace_bytes(const WorkspaceNeeds& needs);

/// The CPU has no queue: any Stream will do, this one for instance.
class CpuStream final : public Stream {};

/// Runs a step at once, spread over a thread pool. A step that is malformed, of an unsupported type or beyond the
/// needs told at creation is not run: its error is kept for `synchronize`, and until then the following steps are discarded.
///
/// A row of a result depends on its own row of x (attention: on its own text) and the weights alone, in every bit: not on other
/// rows, on how outputs are cut into chunks (multiples of 64), on `rows` or `panels`, or on the number of threads.
/// Pointers in a step need no alignment beyond that of their elements; `PrepareStep::source` and weights in `rows`
/// not even that.
class CpuKernels final : public Kernels {
 public:
  /// `pool` and `workspace` must outlive the result; nobody else uses the workspace meanwhile. Fails with `unsupported`
  /// when the processor lacks `features`, and with `internal` when the workspace is smaller than
  /// cpu_workspace_bytes of `needs` or the pool has more threads than `needs.threads`.
  static Result<std::unique_ptr<CpuKernels>> create(ThreadPool& pool, CpuFeatures features, const WorkspaceNeeds& needs,
                                                    std::span<std::byte> workspace);

  void enqueue(Stream& stream, const Step& step) override;
  Status synchronize(Stream& stream) override;
  CpuFeatures features() const { return features_; }

 private:
  CpuKernels() = default;
  Status run(const EmbedStep& step);
  Status run(const LayerNormStep& step);
  Status run(const LinearStep& step);
  Status run(const AttentionStep& step);
  Status run(const GatherRowsStep& step);
  Status run(const PrepareStep& step);
  std::byte* scratch(int worker) const;

  ThreadPool* pool_ = nullptr;
  CpuFeatures features_;
  WorkspaceNeeds needs_;
  std::span<std::byte> workspace_;
  const cpu::KernelTable* table_ = nullptr;
  Status pending_;
};

/// The same as an owner of the interface, for callers that know no back end.
Result<std::unique_ptr<Kernels>> make_cpu_kernels(ThreadPool& pool, CpuFeatures features, const WorkspaceNeeds& needs,
                                                  std::span<std::byte> workspace);

}  // namespace plimsoll
