#include "probe/self_memory.h"

#include "probe/fields.h"

namespace plimsoll::probe {

SelfMemory read_self_memory(Os& os) {
  const auto status = os.read_text("/proc/self/status", kLargestTable);
  if (!status.ok()) return {};
  return SelfMemory{.anonymous = find_bytes(*status, "RssAnon"),
                    .shared = find_bytes(*status, "RssShmem"),
                    .locked = find_bytes(*status, "VmLck"),
                    .addresses = find_bytes(*status, "VmSize"),
                    .data = find_bytes(*status, "VmData"),
                    .tables = find_bytes(*status, "VmPTE")};
}

}  // namespace plimsoll::probe
