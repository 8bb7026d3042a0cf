#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/checked.h"
#include "checkpoint/file_fault.h"
#include "checkpoint/other_file.h"
#include "json/json_reader.h"

namespace plimsoll {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::size_t kDepth = 3;

/// The state machine over the header's JSON: header object > entry object > list.
class HeaderParser final : public JsonHandler {
 public:
  HeaderParser(std::uint64_t data_start, std::uint64_t file_size, HeaderSink& sink)
      : data_start_(data_start), data_bytes_(file_size - data_start), sink_(sink) {}

  // The metadata may be null, which says as little as none.
  Status on_null() override { return level_ == Level::header && metadata_next_ ? Status() : misplaced("null"); }
  Status on_bool(bool /*value*/) override { return misplaced("true or false"); }
  Status on_integer(std::int64_t /*value*/) override { return misplaced("a negative number"); }
  Status on_number(double /*value*/) override { return misplaced("a number that is no integer of 64 bits"); }
  Status on_unsigned(std::uint64_t value) override;
  Status on_string(std::string_view value) override;
  Status on_key(std::string_view name) override;
  Status begin_object() override;
  Status end_object() override;
  Status begin_array() override;
  Status end_array() override;

 private:
  enum class Level : std::uint8_t { file, header, metadata, tensor, shape, offsets };
  enum Field : unsigned { field_none = 0, field_dtype = 1, field_shape = 2, field_offsets = 4, field_all = 7 };

  Status misplaced(std::string_view what) const;
  std::string place() const;
  Status start_field(std::string_view name);
  Status finish_tensor();

  std::uint64_t data_start_;
  std::uint64_t data_bytes_;
  HeaderSink& sink_;
  Level level_ = Level::file;
  bool metadata_next_ = false;
  bool metadata_seen_ = false;
  std::string name_;
  unsigned seen_ = field_none;
  Field field_ = field_none;
  FileType type_ = FileType::f32;
  std::array<std::int64_t, kMaxRank> shape_{};
  std::size_t rank_ = 0;
  std::array<std::uint64_t, 2> offsets_{};
  std::size_t offsets_count_ = 0;
};

std::string HeaderParser::place() const {
  switch (level_) {
    case Level::file: return "the header, which is an object";
    case Level::header: return metadata_next_ ? "__metadata__, which is an object" : "tensor " + quoted(name_) + ", which is an object";
    case Level::metadata: return "__metadata__, which holds only text";
    case Level::tensor:
      return "tensor " + quoted(name_) + ", field " + (field_ == field_dtype ? "dtype" : field_ == field_shape ? "shape" : "data_offsets");
    case Level::shape: return "the shape of tensor " + quoted(name_);
    case Level::offsets: return "data_offsets of tensor " + quoted(name_);
  }
  return "the header";
}

Status HeaderParser::misplaced(std::string_view what) const { return corrupt(std::string(what) + " in " + place()); }

Status HeaderParser::on_unsigned(std::uint64_t value) {
  if (level_ == Level::shape) {
    if (rank_ == kMaxRank) return Error{ErrorCode::unsupported, "tensor " + quoted(name_) + " has more than 64 dimensions"};
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return misplaced("a size of 2^63 or more");
    shape_[rank_++] = static_cast<std::int64_t>(value);
    return {};
  }
  if (level_ != Level::offsets) return misplaced("a number");
  if (offsets_count_ == 2) return misplaced("a third number");
  offsets_[offsets_count_++] = value;
  return {};
}

Status HeaderParser::on_string(std::string_view value) {
  if (level_ == Level::metadata) return {};
  if (level_ != Level::tensor || field_ != field_dtype) return misplaced("text");
  const auto type = parse_file_type(value);
  if (!type)
    return Error{
        ErrorCode::unsupported, "tensor " + quoted(name_) + " has the unknown dtype " + quoted(value), {}, "a newer version may read it"};
  type_ = *type;
  return {};
}

Status HeaderParser::on_key(std::string_view name) {
  if (level_ == Level::metadata) return sink_.on_metadata(name);
  if (level_ == Level::tensor) return start_field(name);
  metadata_next_ = name == "__metadata__";
  if (metadata_next_ && metadata_seen_) return corrupt("__metadata__ appears twice in the header");
  metadata_seen_ = metadata_seen_ || metadata_next_;
  name_ = name;
  return {};
}

Status HeaderParser::start_field(std::string_view name) {
  field_ = name == "dtype" ? field_dtype : name == "shape" ? field_shape : name == "data_offsets" ? field_offsets : field_none;
  if (field_ == field_none) return corrupt("tensor " + quoted(name_) + " has the unknown field " + quoted(name));
  if ((seen_ & field_) != 0) return corrupt("tensor " + quoted(name_) + " has the field " + quoted(name) + " twice");
  seen_ |= field_;
  return {};
}

Status HeaderParser::begin_object() {
  if (level_ == Level::file) {
    level_ = Level::header;
    return {};
  }
  if (level_ != Level::header) return misplaced("an object");
  level_ = metadata_next_ ? Level::metadata : Level::tensor;
  seen_ = field_none;
  rank_ = 0;
  offsets_count_ = 0;
  return {};
}

Status HeaderParser::end_object() {
  if (level_ == Level::header) {
    level_ = Level::file;
    return {};
  }
  const bool tensor = level_ == Level::tensor;
  level_ = Level::header;
  return tensor ? finish_tensor() : Status{};
}

Status HeaderParser::begin_array() {
  if (level_ != Level::tensor || field_ == field_dtype) return misplaced("a list");
  level_ = field_ == field_shape ? Level::shape : Level::offsets;
  return {};
}

Status HeaderParser::end_array() {
  if (level_ == Level::offsets && offsets_count_ != 2) return misplaced("fewer than two numbers");
  level_ = Level::tensor;
  return {};
}

Status HeaderParser::finish_tensor() {
  const auto tensor = [this] { return "tensor " + quoted(name_); };
  if (seen_ != field_all) return corrupt(tensor() + " lacks dtype, shape or data_offsets");
  const auto [first, last] = offsets_;
  if (first > last || last > data_bytes_) {
    return corrupt(tensor() + " has data_offsets [" + std::to_string(first) + ", " + std::to_string(last) + "], but the file holds " +
                   std::to_string(data_bytes_) + " bytes of data");
  }
  std::optional<std::uint64_t> bits = 1;
  for (std::size_t i = 0; i < rank_ && bits; ++i) bits = checked_mul(*bits, static_cast<std::uint64_t>(shape_[i]));
  if (bits) bits = checked_mul(*bits, std::uint64_t{file_type_bits(type_)});
  if (!bits) return corrupt(tensor() + ": its shape multiplied out does not fit 64 bits");
  if (*bits % 8 != 0) return corrupt(tensor() + ": its " + std::to_string(*bits) + " bits are no whole number of bytes");
  if (*bits / 8 != last - first) {
    return corrupt(tensor() + " has " + std::to_string(last - first) + " bytes of data, but its shape and dtype make " +
                   std::to_string(*bits / 8));
  }
  return sink_.on_tensor({name_, type_, std::span(shape_).first(rank_), data_start_ + first, last - first});
}

// The JSON is followed by nothing but spaces up to the end of the header.
Status check_padding(File& file, std::uint64_t end) {
  std::array<char, 4096> block{};
  while (end > kLengthBytes) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end - kLengthBytes));
    const auto bytes = std::span(block).first(length);
    PLIMSOLL_CHECK(file.read(std::as_writable_bytes(bytes), end - length));
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](char c) { return c != ' '; });
    if (last != bytes.rend()) {
      if (*last == '}') return {};
      return corrupt("the header's JSON is followed by something other than spaces",
                     at_byte(file, end - static_cast<std::uint64_t>(last - bytes.rbegin()) - 1));
    }
    end -= length;
  }
  return corrupt("the header is empty", at_byte(file, kLengthBytes));
}

Result<std::uint64_t> header_length(File& file) {
  if (file.size() < kLengthBytes)
    return corrupt("the file has " + std::to_string(file.size()) + " bytes, too few for a safetensors file", at_byte(file, file.size()));
  std::array<std::byte, kLengthBytes> bytes{};
  PLIMSOLL_CHECK(file.read(bytes, 0));
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  if (length > kHeaderLimit) {
    PLIMSOLL_CHECK(refuse_others(bytes, file.path()));
    return corrupt("a header of " + std::to_string(length) + " bytes, but the format allows at most " + std::to_string(kHeaderLimit),
                   at_byte(file, 0));
  }
  if (length > file.size() - kLengthBytes) {
    return corrupt("a header of " + std::to_string(length) + " bytes, but the file has only " + std::to_string(file.size()),
                   at_byte(file, 0));
  }
  if (length < 2) return corrupt("a header of " + std::to_string(length) + " bytes, too few for any", at_byte(file, 0));
  return length;
}

}  // namespace

Result<std::uint64_t> safetensors_data_start(File& file) {
  PLIMSOLL_TRY(const std::uint64_t length, header_length(file));
  std::array<std::byte, 1> first{};
  PLIMSOLL_CHECK(file.read(first, kLengthBytes));
  if (first[0] != std::byte{'{'}) return corrupt("the header does not begin with {", at_byte(file, kLengthBytes));
  PLIMSOLL_CHECK(check_padding(file, kLengthBytes + length));
  return kLengthBytes + length;
}

Status read_safetensors_header(File& file, HeaderSink& sink, Opening& opening) {
  PLIMSOLL_TRY(const std::uint64_t data_start, safetensors_data_start(file));
  PLIMSOLL_CHECK(opening.take(data_start - kLengthBytes, file));
  HeaderParser parser(data_start, file.size(), sink);
  return read_json(file, kLengthBytes, data_start - kLengthBytes, {.depth = kDepth, .cancel = opening.cancel()}, parser);
}

Status check_safetensors_layout(File& file, std::span<const TensorInfo> tensors) {
  PLIMSOLL_TRY(std::uint64_t end, safetensors_data_start(file));
  std::string_view previous;
  for (const TensorInfo& tensor : tensors) {
    const std::string_view fault = tensor.offset < end   ? "overlaps that of another, which ends"
                                   : tensor.offset > end ? "begins after a hole, which begins"
                                                         : "";
    if (!fault.empty() && tensor.name == previous)
      return corrupt("the tensor " + printable(tensor.name, 120) + " appears twice", file.path());
    if (!fault.empty()) {
      return corrupt("the tensor's data " + std::string(fault) + " at byte " + std::to_string(end),
                     file.path() + ": tensor " + printable(tensor.name, 120));
    }
    end = tensor.offset + tensor.bytes;
    previous = tensor.name;
  }
  if (end == file.size()) return {};
  return corrupt("the last tensor ends at byte " + std::to_string(end) + ", but the file has " + std::to_string(file.size()) + " bytes",
                 file.path());
}

}  // namespace plimsoll
