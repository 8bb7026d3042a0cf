#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/element_type.h>
#include <plimsoll/ledger.h>
#include <plimsoll/machine.h>
#include <plimsoll/model.h>
#include <plimsoll/os.h>

namespace plimsoll {
struct Schedule;
struct Stage;
}  // namespace plimsoll

#pragma GCC visibility push(default)

namespace plimsoll {

/// What a run has to carry. Fixed before anything is reserved.
struct Workload {
  std::int64_t longest = 1;              ///< tokens of the longest text, special tokens included, after truncation
  std::int64_t texts = 0;                ///< texts in all; 0 when unknown (a stream)
  std::int64_t total_tokens = 0;         ///< tokens of all texts; 0 when unknown
  std::uint64_t longest_text_bytes = 0;  ///< bytes of the longest text (with its pair) as read
  std::int64_t batch_size = 0;           ///< most texts in one pass, as asked for; 0: chosen by the planner
  std::int64_t held_tokens = 0;  ///< of a session that goes on under another plan: tokens of the largest pass that it holds; 0: open
  std::int64_t held_texts = 0;   ///< likewise, texts
};

/// What may be given up to fit, by name (DESIGN.md section 4).
enum class Rung : std::uint8_t { gather, microbatch, stream, cpu, bfloat16, float16, int8, int4, fallback };
inline constexpr std::size_t kRungs = 9;
std::string_view rung_name(Rung rung);
std::optional<Rung> parse_rung(std::string_view name);

/// Which device computes which part of a model, and where weights are kept (`--device-map`), in accelerate's words.
struct DeviceMap {
  enum class Kind : std::uint8_t {
    automatic,       ///< whatever takes the least time
    balanced,        ///< as much on each accelerator
    balanced_low_0,  ///< as much on each but the first, which has what is left
    sequential,      ///< accelerators are filled in their order
    modules,         ///< as `modules` says
  };
  Kind kind = Kind::automatic;
  /// Names as transformers has them, "" for the whole model, each with "cpu", "disk", the name of an accelerator or its number.
  std::vector<std::pair<std::string, std::string>> modules = {};
  std::string source = {};  ///< for errors: the file's path
};

/// Reads {"bert.embeddings": 0, "bert.encoder": "sim:1", "": "cpu"}. Fails with not_found, corrupt_file, usage and,
/// beyond 2 MiB of values, unsupported.
Result<DeviceMap> read_device_map(Os& os, const std::string& path);
/// Whether the modules of `map` are `model`'s: `usage` where it names one that the model has not, or leaves a tensor without. Which devices
/// there are is for `make_plan` to say.
Status check_device_map(const DeviceMap& map, const Model& model);

/// What the user asks for and permits.
struct Policy {
  std::optional<Bytes> max_memory = std::nullopt;   ///< `--max-memory` of the host; accelerators have their own in the Snapshot
  std::string device = {};                          ///< `--device`: a device's name; empty or "auto": the best that fits
  DeviceMap device_map = {};                        ///< `--device-map`; not with `device`
  std::optional<ElementType> dtype = std::nullopt;  ///< `--dtype`; nothing: auto, the checkpoint's own
  std::vector<Rung> allow = {};                     ///< precision rungs permitted
  std::vector<Rung> forbid = {};                    ///< rungs ruled out
  bool use_disk = true;                             ///< weights may stay on disk alone, to be read in each pass
  bool prefer_speed = false;                        ///< use an allowed precision also when a higher one fits
  std::uint64_t red_zone_bytes = 0;                 ///< for tests: left free behind every value and weight
  bool stream_everything = false;                   ///< for tests: keep no weight that can be read in each pass
  bool smallest_chunks = false;                     ///< for tests: a ring of the least slots that there are
};

enum class Verdict : std::uint8_t { fits, fits_degraded, does_not_fit };
std::string_view verdict_name(Verdict verdict);

/// One device's side of a plan.
struct DevicePlan {
  std::string name;
  Bytes total;                     ///< of the machine
  Bytes free;                      ///< by the probe
  Bytes budget;                    ///< min(--max-memory, free)
  std::string budget_set_by = {};  ///< "--max-memory", or the limit of the machine that bounds `free`
  TagBytes arenas{};
  Bytes runtime;  ///< allowance for everything that no arena holds
  Bytes arena_total() const;
  Bytes planned_total() const { return arena_total() + runtime; }
};

/// One block of the network: its embeddings, a layer, its head.
struct LayerPlan {
  std::string name;
  Bytes bytes;
  std::string home;     ///< where its weights live: "cpu", ...
  std::string compute;  ///< where it runs
  ElementType dtype;
  ElementType compute_dtype;
};

struct Sacrifice {
  Rung rung;
  double cost_seconds = 0;  ///< a pass
  Bytes saved;
  std::string why;
};

/// What another precision would come to.
struct Alternative {
  ElementType asked;  ///< the Policy::dtype that it comes of
  ElementType dtype;
  ElementType compute_dtype;
  std::string device;
  Verdict verdict = Verdict::fits;
  Bytes bytes;
  double pass_seconds = 0;
  std::vector<DeviceBytes> smallest_budget;
};

/// Where everything lives and what happens in which order. A pure function of (Model, Snapshot, Workload, Policy).
struct Plan {
  std::string model;
  std::string arch;
  std::string task;
  ElementType dtype = ElementType::float32;          ///< how weights are stored in memory
  ElementType compute_dtype = ElementType::float32;  ///< what matrix products are computed in
  Verdict verdict = Verdict::fits;
  std::vector<std::string> warnings;
  Workload workload;
  std::int64_t tokens_per_pass = 0;
  std::int64_t texts_per_pass = 0;
  std::vector<DevicePlan> devices;
  std::vector<LayerPlan> layers;
  std::vector<Sacrifice> sacrifices;
  double load_seconds = 0;
  double pass_seconds = 0;
  std::vector<DeviceBytes> smallest_budget;    ///< for each device that alone can help, the least that does, the others as they are
  std::vector<DeviceBytes> full_speed_budget;  ///< likewise, at no more than 1.1 times the time of unlimited memory
  std::vector<Alternative> alternatives;
  int threads = 1;
  std::string rates_source;  ///< where the rates behind the predictions come from
  std::string isa;           ///< instruction set that it was planned for
  /// The steps and offsets that Session walks, stage by stage. Shared: immutable, and a plan is copied into its report and its session.
  std::shared_ptr<const std::vector<Stage>> stages;
  std::shared_ptr<const Schedule> schedule;  ///< of the first stage, often the only one

  /// False where a device has less in all, whoever uses it; true where that is not known.
  bool could_hold(const DeviceBytes& amount) const;
};

/// Plans `workload` on the machine's devices: on an accelerator, fed from the host's memory and the disk, or on the host. Always returns a
/// plan, also when the verdict is `does_not_fit` (its figures say by how much); fails with `unsupported` or `usage` only when the policy
/// contradicts the model, and with `cancelled` soon after `cancel` is set (it may be null). Pure: nothing is read or reserved. Takes
/// seconds and up to some 30 MB of heap for deep models on many devices.
Result<Plan> make_plan(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                       const CancelToken* cancel = nullptr);

/// The `does_not_fit` error of a plan whose verdict says so, with figures and the smallest budget that would do.
Error does_not_fit(const Plan& plan);

}  // namespace plimsoll

#pragma GCC visibility pop
