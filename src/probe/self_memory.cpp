#include "probe/self_memory.h"

#include "probe/fields.h"

namespace plimsoll::probe {
namespace {

// Pages: size, resident, resident of files or shared, ...
SelfMemory read_pages(Os& os) {
  const auto text = os.read_text("/proc/self/statm", kLargestTable);
  if (!text.ok()) return {};
  const auto fields = split(trimmed(*text), ' ');
  if (fields.size() < 3) return {};
  const Bytes resident = kPage * parse_number(fields[1]).value_or(0);
  SelfMemory self;
  self.anonymous = saturating_sub(resident, kPage * parse_number(fields[2]).value_or(0));
  return self;
}

}  // namespace

SelfMemory read_self_memory(Os& os) {
  const auto status = os.read_text("/proc/self/status", kLargestTable);
  if (!status.ok() || !find_number(*status, "RssAnon")) return read_pages(os);
  return SelfMemory{.anonymous = find_bytes(*status, "RssAnon"),
                    .shared = find_bytes(*status, "RssShmem"),
                    .locked = find_bytes(*status, "VmLck"),
                    .addresses = find_bytes(*status, "VmSize"),
                    .data = find_bytes(*status, "VmData"),
                    .tables = find_bytes(*status, "VmPTE")};
}

}  // namespace plimsoll::probe
