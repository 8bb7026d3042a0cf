// What names a model: "model" and "revision", environment variables as "$NAME", and files of the cache, by the marks of files.h.
#include "hub/hub_cache.h"

#include "files.h"
#include "support/fake_os.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  os.variables["HF_HUB_CACHE"] = "/cache";
  std::string model;
  std::string revision;
  for (auto& [path, text] : fuzz::read_files(fuzz::text_of(data, size))) {
    if (path.empty() || path == "model") model = text;
    else if (path == "revision") revision = text;
    else if (path.starts_with('$')) os.variables[path.substr(1)] = text;
    else os.files[path] = text;
  }
  const auto cache = hub_cache_directory(os);
  const auto folder = locate_model(os, model, revision);
  if (!fuzz::good(cache) || !fuzz::good(folder) || *folder == model) return 0;
  fuzz::require(folder->starts_with(*cache + "/models--"), "an id leads into the cache");
  const std::string_view inside = std::string_view(*folder).substr(cache->size());
  fuzz::require(inside.find("..") == std::string_view::npos && inside.find('\\') == std::string_view::npos, "and not out of it");
  fuzz::require(os.is_directory(*folder), "the folder is there");
  return 0;
}
