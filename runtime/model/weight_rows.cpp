#include "runtime/model/weight_rows.h"

#include <cmath>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/try_buffer.h"

namespace switchyard::model {
namespace {

float element(const kernels::WeightView& view, std::size_t i) {
  switch (view.dtype) {
    case DType::kF32: {
      float value = 0;
      std::memcpy(&value, view.data + i * sizeof value, sizeof value);
      return value;
    }
    case DType::kF16: {
      Fp16 value;
      std::memcpy(&value, view.data + i * sizeof value, sizeof value);
      return to_float(value);
    }
    case DType::kBf16: {
      Bf16 value;
      std::memcpy(&value, view.data + i * sizeof value, sizeof value);
      return to_float(value);
    }
  }
  return 0;
}

std::size_t weight_bytes(const kernels::WeightView& view) {
  return view.out * view.in * size_bytes(view.dtype);
}

void append_as_f32(const kernels::WeightView& view, float* to) {
  for (std::size_t i = 0; i < view.out * view.in; ++i) to[i] = element(view, i);
}

// Whether one of the `count` elements has all bits of its exponent set: infinite or no number.
template <class Bits>
bool any_not_finite(const std::byte* data, std::size_t count, Bits exponent) {
  unsigned found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits = 0;
    std::memcpy(&bits, data + i * sizeof bits, sizeof bits);
    found |= static_cast<unsigned>((bits & exponent) == exponent);
  }
  return found != 0;
}

bool any_not_finite(const kernels::WeightView& view, std::size_t row) {
  const std::byte* data = view.data + row * view.in * size_bytes(view.dtype);
  switch (view.dtype) {
    case DType::kF32: return any_not_finite<std::uint32_t>(data, view.in, 0x7F800000U);
    case DType::kF16: return any_not_finite<std::uint16_t>(data, view.in, 0x7C00U);
    case DType::kBf16: return any_not_finite<std::uint16_t>(data, view.in, 0x7F80U);
  }
  return false;
}

Result<JoinedWeight> copy_of(WeightSource& source, const WeightId& id) {
  SY_ASSIGN(const auto view, source.get(id));
  JoinedWeight copy;
  SY_ASSIGN(copy.bytes, try_buffer(weight_bytes(view)));
  std::memcpy(copy.bytes.data(), view.data, weight_bytes(view));
  copy.view = view;
  copy.view.data = copy.bytes.data();
  source.release();
  return copy;
}

}  // namespace

Result<void> check_finite(const kernels::WeightView& view) {
  for (std::size_t row = 0; row < view.out; ++row) {
    if (!any_not_finite(view, row)) continue;
    std::size_t column = 0;
    while (std::isfinite(element(view, row * view.in + column))) ++column;
    return fail(ErrorCode::kBadInput, "weight [{}, {}] is not finite", row, column);
  }
  return {};
}

Unexpected with_bad_weight(Error error, WeightSource& source, std::initializer_list<WeightId> ids) {
  if (error.code != ErrorCode::kBadInput) return Unexpected(std::move(error));
  for (const WeightId& id : ids) {
    const auto view = source.get(id);
    if (!view || check_finite(*view)) continue;
    const std::string place = source.place_of(id);
    return place.empty() ? Unexpected(std::move(error)) : with_place(std::move(error), place);
  }
  return Unexpected(std::move(error));
}

Result<std::vector<float>> read_vector(WeightSource& source, const WeightId& id) {
  SY_ASSIGN(const auto view, source.get(id));
  std::vector<float> values(view.out * view.in);
  append_as_f32(view, values.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return with_bad_weight({ErrorCode::kBadInput, ErrorScope::kOperation,
                              fmt::format("norm gain {} is not finite", i)},
                             source, {id});
    }
  }
  return values;
}

Result<kernels::DeviceMemory> load_vector(WeightSource& source, kernels::Device& device,
                                          const WeightId& id) {
  SY_ASSIGN(const auto values, read_vector(source, id));
  SY_ASSIGN(auto memory, device.allocate(values.size() * sizeof(float)));
  SY_TRY(device.upload(std::as_bytes(std::span(values)), memory.data()));
  return memory;
}

// Parts of equal dtype are joined as stored; mixed dtypes become fp32.
Result<JoinedWeight> join_rows(WeightSource& source, std::initializer_list<WeightId> ids) {
  std::vector<JoinedWeight> parts;
  std::size_t rows = 0;
  for (const auto& id : ids) {
    SY_ASSIGN(auto part, copy_of(source, id));
    rows += part.view.out;
    parts.push_back(std::move(part));
  }
  const auto& first = parts.front().view;
  bool mixed = false;
  for (const auto& part : parts) {
    SY_CHECK(part.view.in == first.in, "{} columns beside {}", part.view.in, first.in);
    mixed |= part.view.dtype != first.dtype;
  }
  JoinedWeight joined;
  const DType dtype = mixed ? DType::kF32 : first.dtype;
  SY_ASSIGN(joined.bytes, try_buffer(rows * first.in * size_bytes(dtype)));
  joined.view = {joined.bytes.data(), dtype, rows, first.in};
  std::byte* to = joined.bytes.data();
  for (const auto& part : parts) {
    if (mixed) {
      append_as_f32(part.view, reinterpret_cast<float*>(to));
    } else {
      std::memcpy(to, part.view.data, weight_bytes(part.view));
    }
    to += part.view.out * part.view.in * size_bytes(dtype);
  }
  return joined;
}

Result<std::unique_ptr<kernels::PackedExpert>> pack_swiglu(WeightSource& source,
                                                           kernels::Device& device,
                                                           const SwigluIds& ids) {
  SY_ASSIGN(const auto gate, copy_of(source, ids.gate));
  SY_ASSIGN(const auto up, copy_of(source, ids.up));
  SY_ASSIGN(const auto down, copy_of(source, ids.down));
  auto packed = device.pack_expert(gate.view, up.view, down.view);
  if (packed) return packed;
  return with_bad_weight(std::move(packed).error(), source, {ids.gate, ids.up, ids.down});
}

}  // namespace switchyard::model
