// runtime/control/codec/view_fields.h -- a view (epoch, members, placement) as bytes and back.
// What is read is a valid view: members in ascending order, a placement that Placement::create
// accepts. Not its meaning (runtime/placement).
// Thread safety: functions without state.
#pragma once

#include <memory>

#include "runtime/control/codec/byte_reader.h"
#include "runtime/control/codec/byte_writer.h"
#include "runtime/placement/view.h"

namespace switchyard::control {

using ViewPointer = std::shared_ptr<const placement::View>;

// Whether a message may come without a view.
enum class MayBeNull { kNo, kYes };

void view_fields(ByteWriter& io, const ViewPointer& view, MayBeNull may_be_null);
void view_fields(ByteReader& io, ViewPointer& view, MayBeNull may_be_null);

}  // namespace switchyard::control
