// The attention of CudaDevice: the tables of attention_plan.h to the GPU, then the kernels that
// prepare, attend and fold.
#include <array>
#include <cmath>
#include <numbers>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/limits.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

HeadNorm head_norm(QkNorm norm) {
  switch (norm) {
    case QkNorm::kNone: return HeadNorm::kNone;
    case QkNorm::kPerHead: return HeadNorm::kPerHead;
    case QkNorm::kWholeRow: return HeadNorm::kWholeRow;
  }
  return HeadNorm::kNone;
}

void check_norm(QkNorm kind, const NormParams& norm, std::size_t heads, std::size_t head_size) {
  if (kind == QkNorm::kNone) return;
  const std::size_t wanted = kind == QkNorm::kPerHead ? head_size : heads * head_size;
  SY_CHECK(norm.gain.size() == wanted, "{} gains, expected {}", norm.gain.size(), wanted);
}

struct AttendLaunch {
  AttendKernel kernel;
  cudaError_t (*launch)(cudaStream_t, const AttendArgs&);
};
// In the order of AttendKernel.
constexpr std::array<AttendLaunch, kAttendKernels> kAttendLaunches{{
    {AttendKernel::kAttend, &launch_attend},
    {AttendKernel::kAttendSegments, &launch_attend_segments},
    {AttendKernel::kTensorFew, &launch_tensor_attend_few},
    {AttendKernel::kTensorMany, &launch_tensor_attend_many},
    {AttendKernel::kTensorManySegments, &launch_tensor_attend_many_segments},
}};

}  // namespace

struct CudaDevice::AttentionTables {
  const std::uint32_t* position = nullptr;  // [T]
  const std::uint32_t* page = nullptr;      // [T]
  const std::uint32_t* pages = nullptr;
  std::array<const AttendItem*, kAttendKernels> items{};
  const FoldItem* folds = nullptr;
};

CudaDevice::AttentionTables CudaDevice::send_attention_plan(const KvRows& rows) {
  const auto& [position, pages] = rows;
  AttentionTables tables;
  std::size_t item_count = 0;
  for (const AttendLaunch& kernel : kAttendLaunches)
    item_count += plan_.items(kernel.kernel).size();
  const std::size_t bytes =
      2 * position.size_bytes() + plan_.pages().size() * sizeof(std::uint32_t) +
      item_count * sizeof(AttendItem) + plan_.folds().size() * sizeof(FoldItem);
  if (!fine(tables_.begin(stream_, bytes, 4 + kAttendKernels))) return tables;
  auto* page = tables_.make<std::uint32_t>(position.size());
  for (std::size_t t = 0; t < position.size(); ++t) {
    page[t] = pages[t][position[t] / kKvPageTokens];
  }
  tables.page = tables_.on_device(page);
  tables.position = tables_.add(position);
  tables.pages = tables_.add(std::span(plan_.pages()));
  for (std::size_t i = 0; i < kAttendKernels; ++i) {
    tables.items[i] = tables_.add(std::span(plan_.items(kAttendLaunches[i].kernel)));
  }
  tables.folds = tables_.add(std::span(plan_.folds()));
  (void)fine(tables_.flush(stream_));
  return tables;
}

// Room for what segments leave, where the cache is long enough for more than one. Errors: kLimit.
Result<void> CudaDevice::reserve_partials(const KvCacheShape& shape) {
  if (shape.pages * kKvPageTokens <= kSegmentTokens) return {};
  SY_TRY(
      grow(partials_, kPartialRows * (sizeof(SegmentSoftmax) + shape.head_size * sizeof(float))));
  plan_.set_partial_rows(kPartialRows);
  return {};
}

void CudaDevice::attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                           const KvRows& rows, MatrixView<float> q, MatrixView<float> k,
                           MatrixView<float> v, MutableRows out) {
  auto& store = dynamic_cast<CudaKvCache&>(cache);
  const std::size_t tokens = rows.position.size();
  const std::size_t q_columns = params.heads * params.head_size;
  const std::size_t kv_columns = params.kv_heads * params.head_size;
  SY_CHECK(q.rows() == tokens && k.rows() == tokens && v.rows() == tokens && out.rows == tokens &&
           rows.pages.size() == tokens);
  SY_CHECK(q.cols() == q_columns && k.cols() == kv_columns && v.cols() == kv_columns &&
           out.cols == q_columns && out.dtype == operand());
  SY_CHECK(params.heads % params.kv_heads == 0 && store.shape().kv_heads == params.kv_heads &&
           store.shape().head_size == params.head_size && layer < store.shape().layers);
  check_norm(params.qk_norm, params.q_norm, params.heads, params.head_size);
  check_norm(params.qk_norm, params.k_norm, params.kv_heads, params.head_size);
  if (failure_ || tokens == 0) return;
  const AttendUnits units = attend_units(operand(), params.head_size);
  plan_.make(params, units, rows);
  const auto tables = send_attention_plan(rows);
  if (failure_) return;
  PrepareArgs prepare;
  prepare.q = q.data();
  prepare.k = k.data();
  prepare.v = v.data();
  prepare.q_stride = q.stride();
  prepare.k_stride = k.stride();
  prepare.v_stride = v.stride();
  prepare.heads = params.heads;
  prepare.kv_heads = params.kv_heads;
  prepare.head_size = params.head_size;
  prepare.norm = head_norm(params.qk_norm);
  prepare.q_gain = params.q_norm.gain.data();
  prepare.k_gain = params.k_norm.gain.data();
  prepare.q_eps = params.q_norm.eps;
  prepare.k_eps = params.k_norm.eps;
  prepare.clip = params.clip_qkv;
  prepare.cosines = params.rope_cos.data();
  prepare.sines = params.rope_sin.data();
  prepare.position = tables.position;
  prepare.page = tables.page;
  prepare.rows = tokens;
  prepare.cache = store.blocks(layer);
  if (!fine(launch_prepare(stream_.get(), prepare), "attention: prepare")) return;
  AttendArgs attend;
  attend.q = q.data();
  attend.q_stride = q.stride();
  attend.out = {out.data, out.dtype, out.stride * size_bytes(out.dtype)};
  attend.group = params.heads / params.kv_heads;
  attend.head_size = params.head_size;
  attend.scale = 1.0F / std::sqrt(static_cast<float>(params.head_size));
  if (units == AttendUnits::kTensor) attend.scale *= std::numbers::log2e_v<float>;
  attend.position = tables.position;
  attend.pages = tables.pages;
  attend.cache = store.blocks(layer);
  attend.partials.softmax = reinterpret_cast<SegmentSoftmax*>(partials_.data());
  attend.partials.values =
      partials_.f32() + plan_.partial_rows() * (sizeof(SegmentSoftmax) / sizeof(float));
  for (std::size_t i = 0; i < kAttendKernels; ++i) {
    attend.items = tables.items[i];
    attend.item_count = plan_.items(kAttendLaunches[i].kernel).size();
    if (!fine(kAttendLaunches[i].launch(stream_.get(), attend), "attention")) return;
  }
  FoldArgs fold;
  fold.partials = attend.partials;
  fold.out = attend.out;
  fold.head_size = params.head_size;
  fold.base = units == AttendUnits::kTensor ? ScoreBase::kTwo : ScoreBase::kE;
  fold.items = tables.folds;
  fold.item_count = plan_.folds().size();
  (void)fine(launch_fold(stream_.get(), fold), "attention: fold");
}

}  // namespace switchyard::kernels::cuda
