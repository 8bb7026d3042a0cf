// Every place of the source that asks the Gate is refused at least once: a new one that no work here comes to fails the last test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include <plimsoll/run_entry.h>

#include "arguments/options.h"
#include "device/cpu/cpu_device.h"
#include "device/cuda/cuda_figures.h"
#include "device/cuda/open_cuda.h"
#include "platform/thread_pool.h"
#include "probe/measure_disk.h"
#include "process/output.h"
#include "rows/row_source.h"
#include "runtime/model_fixture.h"
#include "support/aligned_bytes.h"
#include "sweeps/counting_os.h"

namespace plimsoll::testing {
namespace {

/// What is loaded in place of CUDA's libraries; empty in a build without that back end, whose sites are not compiled then.
constexpr std::string_view kCudaStandIn = PLIMSOLL_CUDA_STAND_IN;

/// "open Os::open": the kind, and the name that it has once in the whole source.
using Site = std::string;

Site site_of(std::string_view kind, std::string_view name) { return fmt::format("{} {}", kind, name); }

/// The arguments of every `admit(Acquisition::KIND, "NAME")` in a text.
std::vector<Site> sites_in(std::string_view text) {
  static constexpr std::string_view kCall = "admit(Acquisition::";
  std::vector<Site> found;
  for (std::size_t at = text.find(kCall); at != std::string_view::npos; at = text.find(kCall, at)) {
    at += kCall.size();
    std::string kind(text.substr(at, text.find(',', at) - at));
    std::replace(kind.begin(), kind.end(), '_', ' ');
    const std::size_t name = text.find('"', at) + 1;
    found.push_back(site_of(kind, text.substr(name, text.find('"', name) - name)));
  }
  return found;
}

std::vector<Site> sites_in_source() {
  std::vector<Site> found;
  for (const char* folder : {"/src", "/apps"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::string(PLIMSOLL_SOURCE_DIR) + folder)) {
      if (!entry.is_regular_file() || (kCudaStandIn.empty() && entry.path().parent_path().filename() == "cuda")) continue;
      std::ifstream file(entry.path());
      const std::vector<Site> here = sites_in(std::string(std::istreambuf_iterator<char>(file), {}));
      found.insert(found.end(), here.begin(), here.end());
    }
  }
  return found;
}

class GateSites : public ModelFixture {
 protected:
  using Work = std::function<Status()>;

  GateSites() { os_ = std::make_unique<CountingOs>(); }
  Gate& gate() { return os_->gate(); }

  /// Refuses all that each site asks for while `work` is done, one site after the other.
  void refuse_each_site(const Work& work) {
    std::mutex mutex;
    std::set<Site> seen;
    gate().refuse_where([&](Acquisition kind, std::string_view name) {
      const std::scoped_lock lock(mutex);
      seen.insert(site_of(acquisition_name(kind), name));
      return true;
    });
    const Status undisturbed = work();
    gate().refuse({});
    ASSERT_TRUE(undisturbed.ok()) << message(undisturbed.error());
    for (const Site& site : seen) refuse_site(work, site);
  }

  void refuse_site(const Work& work, const Site& site) {
    gate().refuse_where([&site](Acquisition kind, std::string_view name) { return site_of(acquisition_name(kind), name) != site; });
    const Status status = work();
    if (gate().refused() > 0) refused_.insert(site);
    gate().refuse({});
    static const std::set<ErrorCode> kTyped = {ErrorCode::io, ErrorCode::out_of_memory, ErrorCode::does_not_fit};
    EXPECT_TRUE(status.ok() || kTyped.contains(status.error().code)) << site << ": " << message(status.error());
    const Status after = work();
    EXPECT_TRUE(after.ok()) << site << ": " << message(after.error());
  }

  Work line(std::vector<std::string> sims) {
    RunRequest request{.model = write(TinyModel{}), .texts = texts(TinyModel{}, 9), .batch_size = 3, .sims = std::move(sims)};
    const Bytes whole = run(request).plan.devices.front().planned_total();
    return [this, request, whole]() mutable -> Status {
      for (const bool streamed : {false, true}) {
        request.policy.stream_everything = streamed;
        request.before_pass = [whole](Session& session, int pass) { session.set_budget(pass == 2 ? whole - kib(64) : mib(4096)); };
        PLIMSOLL_CHECK(run_model(*os_, request));
      }
      return {};
    };
  }

  Status use_cpu_device() {
    PLIMSOLL_TRY(const auto pool, ThreadPool::create(*os_, 1));
    CpuDevice device({os_.get(), pool.get(), {}, mib(1)});
    PLIMSOLL_TRY(const auto memory, device.allocate(kib(256)));
    PLIMSOLL_CHECK(device.make_kernels({16, 8, 8, 1, 8}, memory->bytes()));
    return {};
  }

  Status use_cuda_device() {
    if (kCudaStandIn.empty()) return {};
    const std::string library(kCudaStandIn);
    PLIMSOLL_TRY(const OpenedCuda opened, open_cuda({.os = os_.get(), .memory = mib(32), .driver = library, .blas = {library}}));
    Device& device = *opened.device;
    const WorkspaceNeeds needs{16, 8, 8, 1, 8};
    PLIMSOLL_TRY(const auto memory, device.allocate(Bytes{static_cast<std::uint64_t>(cuda_workspace_bytes(needs))}));
    AlignedBytes pages(kPage.count);
    PLIMSOLL_TRY(const auto pin, device.pin(pages.bytes()));
    PLIMSOLL_TRY(const auto stream, device.make_stream(StreamKind::compute));
    PLIMSOLL_TRY(const auto kernels, device.make_kernels(needs, memory->bytes()));
    return kernels->synchronize(*stream);
  }

  Status measure_disk() {
    const std::string path = folder_ / "large";
    std::ofstream(path).close();
    std::filesystem::resize_file(path, probe::kLeastToMeasure.count);
    PLIMSOLL_CHECK(probe::measure_disk_read(*os_, path));
    return {};
  }

  Status read_directly() {
    PLIMSOLL_TRY(const auto file, os_->open(folder_.write("block", std::string(kDirectBlock, 'x'))));
    file->open_direct();
    AlignedBytes memory(kDirectBlock);
    return file->read_direct(memory.bytes(), 0);
  }

  Status copy_rows() {
    CancelToken cancel;
    cli::Options options;
    options.input = folder_.write("rows.txt", "one\ntwo\n");
    PLIMSOLL_TRY(const std::unique_ptr<cli::RowSource> rows, cli::open_rows(options, gate(), cancel, false));
    PLIMSOLL_TRY(cli::Output output, cli::Output::open(folder_ / "copy.txt", gate(), cancel));
    cli::Row row;
    for (;;) {
      PLIMSOLL_TRY(const cli::Got got, rows->next(row, -1));
      if (got == cli::Got::end) break;
      output.write(row.input.text);
    }
    return output.commit();
  }

  std::set<Site> refused_;
};

TEST_F(GateSites, EachIsRefusedAndComesToATypedError) {
  ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1);
  const std::vector<Work> works = {line({}),
                                   line({"memory=8MiB"}),
                                   line({"memory=8MiB,name=gate-sites"}),
                                   [this] { return use_cpu_device(); },
                                   [this] { return use_cuda_device(); },
                                   [this] { return measure_disk(); },
                                   [this] { return read_directly(); },
                                   [this] { return copy_rows(); },
                                   [this] {
                                     find_largest_holders(*os_);
                                     return Status();
                                   },
                                   [this] {
                                     const auto entry = RunEntry::open(*os_);
                                     if (entry) entry->update({});
                                     list_runs(*os_);
                                     static_cast<void>(os_->load_library("libm.so.6"));
                                     return Status();
                                   }};
  for (const Work& work : works) refuse_each_site(work);
  const std::vector<Site> all = sites_in_source();
  const std::set<Site> distinct(all.begin(), all.end());
  EXPECT_EQ(distinct.size(), all.size()) << "two places have one name";
  EXPECT_GE(all.size(), 25U) << "or calls are not found any more";
  std::map<std::string, int> kinds;
  for (const Site& site : distinct) {
    ++kinds[site.substr(0, site.find(' '))];
    EXPECT_TRUE(refused_.contains(site)) << site << " was never refused";
  }
  fmt::print("{} Gate sites of {} kinds, {} of them refused at least once\n", distinct.size(), kinds.size(),
             std::ranges::count_if(distinct, [&](const Site& site) { return refused_.contains(site); }));
}

}  // namespace
}  // namespace plimsoll::testing
