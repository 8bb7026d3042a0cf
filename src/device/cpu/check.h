#pragma once

#include "device/device.h"

namespace plimsoll::cpu {

/// Whether a step's shapes and types fit each other and, where given, the needs that workspace was planned for. Programs are
/// validated long before: a failure is `internal`. Ids and row numbers are not read here, the caller has checked them.
Status check(const EmbedStep& step);
Status check(const LayerNormStep& step);
Status check(const LinearStep& step, const WorkspaceNeeds& needs);
Status check(const AttentionStep& step, const WorkspaceNeeds& needs);
/// The same without reading where texts begin.
Status check_shapes(const AttentionStep& step, const WorkspaceNeeds& needs);
Status check(const GatherRowsStep& step);
Status check(const PrepareStep& step);

}  // namespace plimsoll::cpu
