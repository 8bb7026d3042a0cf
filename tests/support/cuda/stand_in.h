#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

/// A driver and a cuBLASLt that are not NVIDIA's: device memory is the host's, kernels are ours, compiled for the host
/// (tests/device/cuda/emulator), and work waits in its stream until something asks for it. One library stands for both.
///
/// A script decides what there is and what fails: the text of the file $CUDA_STAND_IN when the library is loaded, or what
/// `cuda_stand_in_script` was given last. Its lines:
///   devices N | version N | memory BYTES | context BYTES | used BYTES | capability MAJOR MINOR
///   FUNCTION CODE [FIRST [COUNT]]   calls of it answer CODE, the FIRST-th from now (1) and COUNT in all (1; 0: for ever); "execute" is the
///                                   moment in which a kernel runs, "product" that in which a product does
///   hang                            no work is ever done
namespace cuda_stand_in {

struct Stream {
  std::deque<std::function<CUresult()>> work;
  std::uint64_t queued = 0;
  std::uint64_t done = 0;
};

struct Fault {
  std::string function;
  int code = 0;
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::uint64_t calls = 0;
};

struct Memory {
  std::size_t size = 0;
  int device = 0;
  bool held = true;
  int mappings = 0;
};

struct World {
  std::recursive_mutex mutex;
  int devices = 1;
  int version = CUDA_VERSION;
  std::size_t memory = std::size_t{1} << 30;
  std::size_t context = std::size_t{64} << 20;
  std::size_t used = 0;
  int major = 9;
  int minor = 0;
  bool hangs = false;
  std::vector<Fault> faults;
  CUresult sticky = CUDA_SUCCESS;

  std::map<int, int> contexts;  ///< device -> how often its primary context is held
  int current = -1;
  std::map<std::uint64_t, Memory> blocks;
  std::uint64_t next_block = 1;
  std::map<std::uintptr_t, std::uint64_t> mapped;       ///< address -> block
  std::map<std::uintptr_t, std::size_t> reserved;       ///< address -> size
  std::map<std::uintptr_t, std::uintptr_t> registered;  ///< host pages: begin -> end
  std::vector<Stream*> streams;
  std::uint64_t launches = 0;
  std::uint64_t products = 0;
};

World& world();
void read_script(const std::string& text);
/// What a call answers before it does anything: the script's code, or that of an error that stays.
CUresult begin(const char* function);
/// Queues work of a stream; an error of it stays.
void push(Stream& stream, std::function<CUresult()> work);
/// Does the work of a stream up to a number.
void run(Stream& stream, std::uint64_t until);
bool can_hold(std::size_t size, int device);

}  // namespace cuda_stand_in

/// What tests look up in the library.
struct CudaStandInFigures {
  std::uint64_t launches;
  std::uint64_t products;
  std::uint64_t blocks;      ///< of memory that are held
  std::uint64_t reserved;    ///< ranges of addresses
  std::uint64_t registered;  ///< ranges of host pages
  std::uint64_t contexts;
  std::uint64_t streams;
};
extern "C" void cuda_stand_in_script(const char* text);
extern "C" CudaStandInFigures cuda_stand_in_figures();
