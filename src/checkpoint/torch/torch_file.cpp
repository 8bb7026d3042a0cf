#include "checkpoint/torch/torch_file.h"

#include <algorithm>
#include <array>
#include <string>

#include "checkpoint/other_file.h"
#include "checkpoint/torch/archive.h"
#include "checkpoint/torch/legacy.h"
#include "checkpoint/torch/zip_directory.h"

namespace plimsoll::torch {

namespace {

Status read_either(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening) {
  std::array<std::byte, 16> bytes{};
  const auto begin = std::span(bytes).first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), file.size())));
  PLIMSOLL_CHECK(file.read(begin, 0));
  if (looks_like_zip(begin)) return read_archive(os, ledger, file, sink, opening);
  if (looks_like_legacy(begin)) return read_legacy(os, ledger, file, sink, opening);
  PLIMSOLL_CHECK(refuse_other_protocols(begin));
  PLIMSOLL_CHECK(refuse_others(begin, file.path()));
  if (begin.size() > 8 && static_cast<char>(begin[8]) == '{')
    return Error{ErrorCode::corrupt_file, "this is a safetensors file", file.path() + " at byte 0", "name it model.safetensors"};
  return Error{ErrorCode::corrupt_file, "this is no file of torch.save: it begins neither as an archive nor as its older form",
               file.path() + " at byte 0", "download or save the file again"};
}

}  // namespace

Status read_torch_file(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening) {
  Status status = read_either(os, ledger, file, sink, opening);
  if (!status.ok() && status.error().where.empty()) status.error().where = file.path();
  return status;
}

}  // namespace plimsoll::torch
