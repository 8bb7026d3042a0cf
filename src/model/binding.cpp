#include "model/binding.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/utf8.h"

namespace plimsoll {
namespace {

// A canonical name as it may occur: with or without the body's prefix, LayerNorm's old gamma and beta.
std::vector<std::string> spellings(const std::string& name, const std::string& body) {
  std::vector<std::string> names = {name};
  const auto replace_end = [&](std::string_view from, std::string_view to) {
    if (name.ends_with(from)) names.push_back(name.substr(0, name.size() - from.size()) + std::string(to));
  };
  replace_end("LayerNorm.weight", "LayerNorm.gamma");
  replace_end("LayerNorm.bias", "LayerNorm.beta");
  if (name.starts_with(body)) {
    for (std::size_t i = 0, count = names.size(); i < count; ++i) names.push_back(names[i].substr(body.size()));
  }
  return names;
}

std::string shape_text(std::span<const std::int64_t> shape) { return printable(fmt::format("[{}]", fmt::join(shape, ", ")), kShownText); }
std::string shown(std::string_view name) { return printable(name, kShownText); }

class Binder {
 public:
  Binder(const ArchSpec& spec, const Program& program, const Checkpoint& checkpoint)
      : spec_(spec), program_(program), checkpoint_(checkpoint) {}

  Result<Binding> bind() {
    for (const Weight& weight : program_.weights) {
      std::vector<BoundPart> parts;
      for (const WeightPart& part : weight.parts) {
        PLIMSOLL_TRY(const BoundPart bound, bind_part(weight, part));
        if (!parts.empty() && bound.tensor != nullptr && parts.front().tensor != nullptr && bound.type != parts.front().type) {
          return Error{
              ErrorCode::unsupported,
              fmt::format("{} and {} have different types, and they are multiplied together", weight.parts.front().tensor, part.tensor),
              checkpoint_.file(bound.tensor->file).path(), "save the checkpoint in one type"};
        }
        parts.push_back(bound);
      }
      binding_.weights.push_back(std::move(parts));
    }
    PLIMSOLL_CHECK(report_missing());
    PLIMSOLL_CHECK(refuse_unexplained());
    choose_stored_type();
    return std::move(binding_);
  }

 private:
  const TensorInfo* find(const std::string& name) const {
    for (const std::string& spelling : spellings(name, spec_.names.body)) {
      if (const TensorInfo* tensor = checkpoint_.find(spelling)) return tensor;
    }
    return nullptr;
  }

  Result<BoundPart> bind_part(const Weight& weight, const WeightPart& part) {
    const TensorInfo* tensor = find(part.tensor);
    if (tensor == nullptr) {
      if (weight.if_missing) binding_.initialised.push_back(part.tensor);
      else missing_.push_back(part.tensor);
      return BoundPart{};
    }
    const std::string path = checkpoint_.file(tensor->file).path();
    const std::vector<std::int64_t> expected =
        weight.role == WeightRole::vector ? std::vector{part.rows} : std::vector{part.rows, weight.inputs};
    if (!std::equal(expected.begin(), expected.end(), tensor->shape.begin(), tensor->shape.end())) {
      return Error{ErrorCode::corrupt_file,
                   fmt::format("tensor {} has shape {}, but config.json asks for {}", shown(tensor->name), shape_text(tensor->shape),
                               shape_text(expected)),
                   path, "config.json and the weights must come from the same model"};
    }
    const auto type = element_type(tensor->type);
    if (!type || !is_floating(tensor->type)) {
      return Error{ErrorCode::unsupported, fmt::format("tensor {} is stored as {}", shown(tensor->name), file_type_name(tensor->type)),
                   path, "built are F32, F16, BF16 and F64 weights"};
    }
    used_.push_back(tensor);
    return BoundPart{tensor, *type};
  }

  Status report_missing() const {
    if (missing_.empty()) return {};
    const std::size_t shown = std::min<std::size_t>(missing_.size(), 5);
    const std::string names = fmt::format("{}", fmt::join(missing_.begin(), missing_.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    const std::string more = missing_.size() > shown ? fmt::format(" and {} more", missing_.size() - shown) : "";
    return Error{ErrorCode::corrupt_file,
                 fmt::format("the checkpoint lacks {} tensors that config.json asks for: {}{}", missing_.size(), names, more),
                 checkpoint_.file(0).path(), "config.json and the weights must come from the same model"};
  }

  std::vector<std::string_view> sorted_names() const {
    std::vector<std::string_view> names;
    for (const Weight& weight : program_.weights)
      for (const WeightPart& part : weight.parts) names.push_back(part.tensor);
    std::sort(names.begin(), names.end());
    return names;
  }

  // For transformers the prefix is an expression, whose dot is any character; what it finds by that goes before the tensor itself.
  std::string_view without_prefix(std::string_view name) const {
    const std::size_t dot = spec_.names.body.size() - 1;
    if (name.size() <= dot || !name.starts_with(std::string_view(spec_.names.body).substr(0, dot))) return {};
    return name.substr(dot + utf8::decode(name, dot).size);
  }

  // A tensor of the body that no weight uses means that the config describes a smaller network than the file holds.
  Status refuse_unexplained() const {
    const std::vector<std::string_view> names = sorted_names();
    std::vector<const TensorInfo*> used = used_;
    std::sort(used.begin(), used.end());
    for (const TensorInfo& tensor : checkpoint_.tensors()) {
      if (std::binary_search(used.begin(), used.end(), &tensor)) continue;
      const std::string_view other = without_prefix(tensor.name);
      if (std::binary_search(names.begin(), names.end(), other)) {
        return Error{ErrorCode::unsupported, fmt::format("tensor {} is {} under another name", shown(tensor.name), other),
                     checkpoint_.file(tensor.file).path(), "leave one of the two out, and call the other " + std::string(other)};
      }
      const auto starts = [&](const std::string& prefix) { return tensor.name.starts_with(prefix); };
      if (std::any_of(spec_.surplus.begin(), spec_.surplus.end(), starts)) continue;
      if (!starts(spec_.names.body) && !starts(spec_.names.layer) && !starts("embeddings.")) continue;
      return Error{ErrorCode::corrupt_file, fmt::format("tensor {} is not explained by config.json", shown(tensor.name)),
                   checkpoint_.file(tensor.file).path(), "config.json describes another network than the weights: check num_hidden_layers"};
    }
    return {};
  }

  void choose_stored_type() {
    std::array<std::uint64_t, 16> bytes{};
    for (const TensorInfo* tensor : used_) {
      bytes[static_cast<std::size_t>(*element_type(tensor->type))] += tensor->bytes;
      binding_.stored_bytes.count += tensor->bytes;
      binding_.parameters += static_cast<std::int64_t>(tensor->bytes / element_bytes(*element_type(tensor->type)));
    }
    const auto most = std::max_element(bytes.begin(), bytes.end());
    binding_.stored_type = *most == 0 ? ElementType::float32 : static_cast<ElementType>(most - bytes.begin());
  }

  const ArchSpec& spec_;
  const Program& program_;
  const Checkpoint& checkpoint_;
  Binding binding_;
  std::vector<std::string> missing_;
  std::vector<const TensorInfo*> used_;
};

}  // namespace

Result<Binding> bind_weights(const ArchSpec& spec, const Program& program, const Checkpoint& checkpoint) {
  return Binder(spec, program, checkpoint).bind();
}

}  // namespace plimsoll
