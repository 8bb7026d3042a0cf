#include "probe/rates.h"

#include <algorithm>
#include <array>
#include <utility>

#include "probe/fields.h"
#include "probe/lines.h"
#include "probe/rates_cache.h"

namespace plimsoll::probe {
namespace {

struct Row {
  std::string_view isa;
  double float32_flops;   // of one thread
  double bfloat16_flops;  // of one thread, where native
  double int8_flops;      // of one thread
};

constexpr double kGiga = 1e9;
constexpr std::array<Row, 3> kRows = {{{"avx512", 100 * kGiga, 200 * kGiga, 300 * kGiga},
                                       {"avx2", 50 * kGiga, 50 * kGiga, 75 * kGiga},
                                       {"", 6 * kGiga, 6 * kGiga, 6 * kGiga}}};
constexpr double kMemoryReadOfOneThread = 10 * kGiga;
constexpr double kMemoryReadOfAll = 40 * kGiga;
constexpr double kDiskRead = 2 * kGiga;

// Whether `folder` is the mount point `point`, or below it.
bool lies_below(std::string_view folder, std::string_view point) {
  if (point == "/") return folder.starts_with('/');
  return folder.starts_with(point) && (folder.size() == point.size() || folder[point.size()] == '/');
}

}  // namespace

Rates built_in_rates(std::string_view isa, bool native_bfloat16, int threads) {
  const auto found = std::find_if(kRows.begin(), kRows.end() - 1, [&](const Row& row) { return isa.starts_with(row.isa); });
  const double count = std::max(threads, 1);
  Rates rates;
  rates.float32_flops = found->float32_flops * count;
  rates.bfloat16_flops = native_bfloat16 ? found->bfloat16_flops * count : 0;
  rates.int8_flops = found->int8_flops * count;
  rates.memory_read = std::min(kMemoryReadOfOneThread * count, kMemoryReadOfAll);
  rates.disk_read = kDiskRead;
  rates.threads = std::max(threads, 1);
  rates.source = "table for " + (found->isa.empty() ? std::string("other processors") : std::string(found->isa));
  rates.disk_source = "table";
  return rates;
}

std::string find_mount(Os& os, std::string_view folder) {
  std::string longest;
  std::string device;
  const Status read = for_each_line(os, "/proc/self/mountinfo", [&](std::string_view line) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 3) return;
    std::string point = unescaped(fields[4]);
    // A later mount on the same point hides the earlier one.
    if (!lies_below(folder, point) || point.size() < longest.size()) return;
    longest = std::move(point);
    device = unescaped(dash[2]);
  });
  return !read.ok() || longest.empty() ? "unknown" : printable(longest, 300) + " " + printable(device, 100);
}

}  // namespace plimsoll::probe

namespace plimsoll {

Rates find_rates(Os& os, const CpuDescription& cpu, int threads, const std::string& folder) {
  Rates rates = probe::built_in_rates(cpu.isa, cpu.native_bfloat16, threads);
  const probe::RatesCache cache = probe::read_rates_cache(os);
  if (const auto* measured = cache.find_compute(probe::compute_key(cpu, rates.threads))) {
    rates.float32_flops = measured->float32_flops;
    rates.bfloat16_flops = cpu.native_bfloat16 ? measured->bfloat16_flops : 0;
    if (measured->int8_flops > 0) rates.int8_flops = measured->int8_flops;  // nothing measures it yet
    rates.memory_read = measured->memory_read;
    rates.source = "measured";
  }
  if (const auto disk = cache.find_disk(probe::find_mount(os, folder))) {
    rates.disk_read = *disk;
    rates.disk_source = "measured";
  }
  return rates;
}

}  // namespace plimsoll
