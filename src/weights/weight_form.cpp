#include "weights/weight_form.h"

namespace plimsoll {

std::int64_t weight_bytes(WeightForm form, std::int64_t outputs, std::int64_t inputs) {
  const auto size = static_cast<std::int64_t>(element_bytes(form.type));
  if (form.layout == WeightLayout::rows) return outputs * inputs * size;
  const std::int64_t padded_outputs = (outputs + kPanelOutputs - 1) / kPanelOutputs * kPanelOutputs;
  const std::int64_t padded_inputs = form.type == ElementType::bfloat16 ? (inputs + 1) / 2 * 2 : inputs;
  return padded_outputs * padded_inputs * size;
}

}  // namespace plimsoll
