#include "probe/host_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <optional>

#include "probe/fields.h"
#include "probe/self_memory.h"

namespace plimsoll::probe {
namespace {

// "No limit" in version 1 is 2^63 less a page; nothing that large limits anything.
constexpr Bytes kNoLimit{std::uint64_t{1} << 60U};

// Kernel memory of a group up to this much is paid from its allowance.
constexpr Bytes kKernelInAllowance = mib(4);

// Of what a plan may take, 1/512 for its page tables and 1/455 for what the kernel remembers of the file's pages that it dropped meanwhile.
constexpr Bytes kPaidByConstant = mib(1024);
constexpr std::uint64_t kKernelShare = 200;

Bytes group_allowance(Bytes limit) { return kGroupAllowance + Bytes{saturating_sub(limit, kPaidByConstant).count / kKernelShare}; }

// Sums must not wrap, whatever a file says.
Bytes sum(std::initializer_list<Bytes> parts) {
  Bytes total;
  for (const Bytes part : parts) total += std::min(part, kNoLimit);
  return total;
}

// Pages of anonymous and shared memory and locked pages: by kind, or by the lists that they wait on, whichever shows more, since locked
// file pages appear only in the lists, and a page that was just charged only in its kind.
Bytes unreclaimable_pages(std::string_view stat, std::string_view prefix, std::string_view anonymous) {
  const auto field = [&](std::string_view name) { return find_bytes(stat, std::string(prefix) + std::string(name)); };
  return std::max(sum({field(anonymous), field("shmem")}), sum({field("active_anon"), field("inactive_anon"), field("unevictable")}));
}

Bytes unreclaimable_kernel(std::string_view stat) {
  const auto field = [&](std::string_view name) { return find_bytes(stat, name); };
  if (find_number(stat, "kernel")) return saturating_sub(field("kernel"), field("slab_reclaimable"));
  return sum({field("kernel_stack"), field("pagetables"), field("percpu"), field("slab_unreclaimable"), field("vmalloc")});
}

class Collector {
 public:
  Collector(Os& os, const SelfMemory& self, std::string_view meminfo) : os_(os), self_(self), meminfo_(meminfo) {}

  void add_chain(const GroupChain& chain) {
    for (const std::string& directory : chain.directories) {
      if (chain.unified) {
        add_group(directory, "/memory.max", true);
        add_group(directory, "/memory.high", true);
      } else if (is_hierarchical(chain, directory)) {
        add_group(directory, "/memory.limit_in_bytes", false);
      }
    }
    if (!chain.unified) add_hidden(chain);
  }

  void add_rlimits() {
    // What we hold is inside both figures; a plan counts it again.
    add_rlimit(RLIMIT_AS, "RLIMIT_AS", saturating_sub(self_.addresses, self_.held()));
    add_rlimit(RLIMIT_DATA, "RLIMIT_DATA", saturating_sub(self_.data, self_.anonymous));
  }

  void add_overcommit() {
    const auto mode = os_.read_text("/proc/sys/vm/overcommit_memory", kLargestTable);
    const auto limit = find_number(meminfo_, "CommitLimit");
    if (!mode.ok() || trimmed(*mode) != "2" || !limit) return;
    const Bytes others = saturating_sub(find_bytes(meminfo_, "Committed_AS"), self_.held());
    add("/proc/sys/vm/overcommit_memory", Bytes{*limit}, others, commit_reserve(saturating_sub(Bytes{*limit}, others)));
  }

  // Beyond the nodes that it may use, a process is killed like one beyond its group. Format: cpuset(7), /sys/devices/system/node.
  void add_nodes() {
    const auto nodes = os_.read_text("/sys/devices/system/node/has_memory", kLargestTable);
    const std::vector<int> all = nodes.ok() ? parse_cpu_list(trimmed(*nodes)) : std::vector<int>();
    if (all.size() < 2) return;
    const auto status = os_.read_text("/proc/self/status", kLargestTable);
    const auto list = status.ok() ? find_field(*status, "Mems_allowed_list") : std::nullopt;
    const std::vector<int> allowed = list ? parse_cpu_list(*list) : std::vector<int>();
    const auto may_use = [&](int node) { return std::find(allowed.begin(), allowed.end(), node) != allowed.end(); };
    if (allowed.empty() || std::all_of(all.begin(), all.end(), may_use)) return;
    Bytes total;
    Bytes available;
    for (const int node : allowed) {
      const auto text = os_.read_text("/sys/devices/system/node/node" + std::to_string(node) + "/meminfo", kLargestTable);
      if (!text.ok()) continue;
      const auto field = [&](const char* name) { return find_bytes(*text, "Node " + std::to_string(node) + " " + name); };
      total += field("MemTotal");
      available += sum({field("MemFree"), field("Active(file)"), field("Inactive(file)"), field("KReclaimable")});
    }
    if (total.count > 0)
      add("/proc/self/status Mems_allowed_list", total, saturating_sub(total, sum({available, self_.held()})), Bytes{}, true);
  }

  std::vector<MemoryLimit> take() { return std::move(limits_); }
  /// Why there may be lower limits of groups; empty: there are none.
  std::string fault() const { return fault_; }

 private:
  // What the kernel keeps of the commit limit: for root, and so that a user can still end a process, a 32nd of all that this one has mapped
  // by then (Documentation/admin-guide/sysctl/vm.rst).
  Bytes commit_reserve(Bytes room) {
    static constexpr std::uint64_t kUserShare = 32;
    const Bytes user = Bytes{sum({self_.addresses, room}).count / kUserShare};
    return sum({read_kib("/proc/sys/vm/admin_reserve_kbytes"), std::min(read_kib("/proc/sys/vm/user_reserve_kbytes"), user)});
  }

  Bytes read_kib(const std::string& path) {
    const auto text = os_.read_text(path, kLargestTable);
    return kib(std::min(text.ok() ? parse_number(*text).value_or(0) : 0, kNoLimit.count / 1024));
  }

  // Before Linux 5.11 a group of version 1 bound those below it only when told to.
  bool is_hierarchical(const GroupChain& chain, const std::string& directory) {
    if (directory == chain.directories.front()) return true;
    const auto text = os_.read_text(directory + "/memory.use_hierarchy", kLargestTable);
    return !text.ok() || trimmed(*text) != "0";
  }

  // What is charged to a group, all below it included, is not ours, and cannot be reclaimed.
  Bytes held_by_others(const std::string& directory, bool unified) {
    const auto text = os_.read_text(directory + "/memory.stat", kLargestTable);
    if (!text.ok()) {
      note_fault(directory + "/memory.stat");
      return {};
    }
    const std::string_view prefix = !unified && find_number(*text, "total_rss") ? "total_" : "";
    const Bytes pages = unreclaimable_pages(*text, prefix, unified ? "anon" : "rss");
    const Bytes kernel =
        unified ? sum({unreclaimable_kernel(*text), find_bytes(*text, "sock")}) : unreclaimable_kernel_of_version1(directory);
    return sum({saturating_sub(pages, self_.held()), saturating_sub(kernel, sum({self_.tables, kKernelInAllowance}))});
  }

  // Version 1 does not tell how much of a group's kernel memory is reclaimable, and most of it is file names and inodes. What is certain
  // is that no more than all that the machine has is.
  Bytes unreclaimable_kernel_of_version1(const std::string& directory) {
    const auto kernel = os_.read_text(directory + "/memory.kmem.usage_in_bytes", kLargestTable);
    const auto reclaimable = find_number(meminfo_, find_number(meminfo_, "KReclaimable") ? "KReclaimable" : "SReclaimable");
    if (!kernel.ok() || reclaimable.value_or(0) == 0) return {};  // no machine has none: containers are told so
    return saturating_sub(Bytes{parse_number(*kernel).value_or(0)}, Bytes{*reclaimable});
  }

  void add_group(const std::string& directory, std::string_view file, bool unified) {
    const std::string path = directory + std::string(file);
    const auto limit = read_limit(path);
    if (limit) add(path, *limit, held_by_others(directory, unified), group_allowance(*limit), true);
  }

  // Nothing where there is none, and where it cannot be read, which is noted. A group shows its processes, whatever limits it has.
  std::optional<Bytes> read_limit(const std::string& path) {
    const auto text = os_.read_text(path, kLargestTable);
    if (!text.ok()) {
      if (os_.is_file(path) || !os_.is_file(path.substr(0, path.rfind('/')) + "/cgroup.procs")) note_fault(path);
      return std::nullopt;
    }
    const auto number = parse_number(*text);  // "max" is no number
    if (!number || *number >= kNoLimit.count) return std::nullopt;
    return Bytes{*number};
  }

  void note_fault(const std::string& path) {
    if (fault_.empty()) fault_ = printable(path) + " cannot be read";
  }

  void add_hidden(const GroupChain& chain) {
    const auto stat = os_.read_text(chain.directories.front() + "/memory.stat", kLargestTable);
    if (!stat.ok()) return;
    const auto limit = find_number(*stat, "hierarchical_memory_limit");
    if (!limit || *limit >= kNoLimit.count) return;
    const auto is_seen = [&](const MemoryLimit& seen) { return seen.limit.count <= *limit; };
    if (std::any_of(limits_.begin(), limits_.end(), is_seen)) return;
    // It lies above all that can be seen, or is one of those that cannot be read.
    const std::string& widest = fault_.empty() ? chain.directories.back() : chain.directories.front();
    add(chain.directories.front() + "/memory.stat hierarchical_memory_limit", Bytes{*limit}, held_by_others(widest, false),
        group_allowance(Bytes{*limit}), true);
  }

  void add_rlimit(int resource, std::string name, Bytes used) {
    if (const auto limit = os_.memory_rlimit(resource); limit && *limit < kNoLimit) add(std::move(name), *limit, used, Bytes{});
  }

  void add(std::string set_by, Bytes limit, Bytes others, Bytes allowance, bool contended = false) {
    limits_.push_back({std::move(set_by), limit, others, saturating_sub(saturating_sub(limit, others), allowance), contended});
  }

  Os& os_;
  const SelfMemory& self_;
  std::string_view meminfo_;
  std::vector<MemoryLimit> limits_;
  std::string fault_;
};

// Kernels before 3.14 do not say what is available.
std::optional<Bytes> available_memory(std::string_view meminfo) {
  if (const auto available = find_number(meminfo, "MemAvailable")) return Bytes{*available};
  const auto free = find_number(meminfo, "MemFree");
  if (!free) return std::nullopt;
  const Bytes cache = saturating_sub(find_bytes(meminfo, "Cached"), find_bytes(meminfo, "Shmem"));
  return sum({Bytes{*free}, find_bytes(meminfo, "Buffers"), cache});
}

void lower_budget(HostMemory& memory, Bytes budget, const std::string& set_by) {
  if (budget >= memory.budget) return;
  memory.budget = budget;
  memory.set_by = set_by;
}

}  // namespace

HostMemory probe_host_memory(Os& os) {
  const auto groups = read_group_chains(os, "memory");
  HostMemory memory = probe_host_memory(os, groups.ok() ? groups->chains : std::vector<GroupChain>());
  if (!groups.ok()) memory.limits_fault = message(groups.error());
  else if (!groups->unseen.empty()) memory.limits_fault = groups->unseen;
  return memory;
}

HostMemory probe_host_memory(Os& os, const std::vector<GroupChain>& chains) {
  const SelfMemory self = read_self_memory(os);
  const auto meminfo_text = os.read_text("/proc/meminfo", kLargestTable);
  const std::string_view meminfo = meminfo_text.ok() ? std::string_view(*meminfo_text) : std::string_view();

  HostMemory memory;
  memory.ours = self.held();
  memory.total = find_bytes(meminfo, "MemTotal");
  auto available = available_memory(meminfo);
  if (available) memory.available_by = "MemAvailable";
  if (const auto system = available ? std::nullopt : os.system_memory()) {
    // Without the page cache, which sysinfo does not tell: less than there is, never more.
    available = sum({system->free, system->buffers});
    memory.total = system->total;
    memory.available_by = "sysinfo";
  }
  if (available) {
    memory.available = *available;
    lower_budget(memory, sum({*available, memory.ours}), memory.available_by);
  }
  Collector collector(os, self, meminfo);
  for (const GroupChain& chain : chains) collector.add_chain(chain);
  collector.add_nodes();
  collector.add_rlimits();
  collector.add_overcommit();
  memory.limits = collector.take();
  memory.limits_fault = collector.fault();
  for (const MemoryLimit& limit : memory.limits) lower_budget(memory, limit.budget, limit.set_by);
  return memory;
}

}  // namespace plimsoll::probe
