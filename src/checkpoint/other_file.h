#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll {

/// How a kind of file begins that people take for weights, what it is, and what to do.
struct OtherFile {
  std::string_view begin;
  std::string_view what;
  std::string_view advice;
};

// No more than eight characters: as the length with which a safetensors file begins, each is beyond what that format allows.
inline constexpr std::array<OtherFile, 8> kOtherFiles = {{
    {"version ", "a Git LFS pointer, not the weights themselves", "run `git lfs pull` in that folder, or download the file again"},
    {"<!DOCTYP", "a web page", "download the file again: perhaps it is not open to everybody"},
    {"<!doctyp", "a web page", "download the file again: perhaps it is not open to everybody"},
    {"<html", "a web page", "download the file again: perhaps it is not open to everybody"},
    {"\x1f\x8b\x08", "a gzip file", "unpack it with gunzip"},
    {"PK\x03\x04", "a zip archive, as torch.save writes them", "name it pytorch_model.bin"},
    {"GGUF", "a GGUF file, and these are not read yet", "use the model's .safetensors or .bin files"},
    {"\x89HDF", "an HDF5 file, as Keras writes them", "use the model's .safetensors or .bin files"},
}};

/// `corrupt_file` when a file that should hold weights, and is none of its own format, begins as one of the others does.
inline Status refuse_others(std::span<const std::byte> first_bytes, const std::string& path) {
  for (const OtherFile& other : kOtherFiles) {
    const auto begin = std::as_bytes(std::span(other.begin));
    if (first_bytes.size() < begin.size() || !std::equal(begin.begin(), begin.end(), first_bytes.begin())) continue;
    return Error{ErrorCode::corrupt_file, "this is " + std::string(other.what), path + " at byte 0", std::string(other.advice)};
  }
  return {};
}

}  // namespace plimsoll
