#pragma once

#include <map>
#include <string>
#include <string_view>

namespace plimsoll::fuzz {

/// Files by path.
using Files = std::map<std::string, std::string>;

/// Reads an input that stands for several files: a line "==> PATH" begins each, and what stands before the first has the path "". The last
/// line end before such a line is not part of a file. A path that ends in ".safetensors.header" holds the JSON of a header alone: it
/// becomes that .safetensors file, with its length before it and as many bytes of data behind it as its offsets ask for (at most 1 MiB).
Files read_files(std::string_view input);

/// The .safetensors file of such a header; the data repeats `data`, zeros where that is empty.
std::string safetensors_file(std::string_view header, std::string_view data = {});

}  // namespace plimsoll::fuzz
