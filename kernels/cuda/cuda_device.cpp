// CudaDevice: its memory, its objects and the ops that work on single rows.
#include "kernels/cuda/cuda_device.h"

#include <algorithm>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/limits.h"
#include "kernels/ops/attention.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

ConstRowBlock block_of(Rows rows) {
  return {rows.data, rows.dtype, rows.stride * size_bytes(rows.dtype)};
}
RowBlock block_of(MutableRows rows) {
  return {rows.data, rows.dtype, rows.stride * size_bytes(rows.dtype)};
}

}  // namespace

CudaDevice::CudaDevice(Precision precision, std::string description, Stream stream, Event done,
                       TableRing tables, Packer packer, MarkRing marks) noexcept
    : precision_(precision),
      description_(std::move(description)),
      stream_(std::move(stream)),
      done_(std::move(done)),
      tables_(std::move(tables)),
      packer_(std::move(packer)),
      marks_(std::move(marks)) {}

Result<std::unique_ptr<Device>> CudaDevice::create(int gpu, const DeviceOptions& options) {
  SY_TRY(check(cudaSetDevice(gpu), fmt::format("choosing GPU {}", gpu)));
  SY_TRY(keep_freed_memory(gpu));
  cudaDeviceProp properties{};
  SY_TRY(check(cudaGetDeviceProperties(&properties, gpu), "reading the GPU's properties"));
  auto description = fmt::format(
      "cuda {} (sm_{}{}), GPU {}, {}", static_cast<const char*>(properties.name), properties.major,
      properties.minor, gpu, to_string(operand_dtype(options.precision)));
  SY_ASSIGN(auto stream, Stream::create());
  SY_ASSIGN(auto done, Event::create());
  SY_ASSIGN(auto tables, TableRing::create(kTableBytes));
  SY_ASSIGN(auto packer, Packer::create());
  SY_ASSIGN(auto marks, MarkRing::create());
  std::unique_ptr<CudaDevice> device(
      new CudaDevice(options.precision, std::move(description), std::move(stream), std::move(done),
                     std::move(tables), std::move(packer), std::move(marks)));
  device->team_ = matmul_team(properties.major);
  device->plan_.set_processors(static_cast<std::size_t>(properties.multiProcessorCount));
  if (options.cuda_gemm == CudaGemm::kCublas) {
    SY_ASSIGN(device->library_, make_library_gemm(device->stream_));
    device->description_ += ", cublas";
  }
  return device;
}

bool CudaDevice::fine(Result<void> result) {
  if (!result && !failure_) failure_ = std::move(result).error();
  return !failure_;
}

bool CudaDevice::fine(cudaError_t status, std::string_view what) {
  return fine(check(status, what));
}

Result<void> CudaDevice::wait() {
  SY_TRY(done_.record(stream_));
  return done_.wait(kDeviceWaitMax);
}

Result<void> CudaDevice::synchronize() {
  if (fine(Result<void>{}) && fine(wait())) return {};
  return Unexpected(*failure_);
}

// What fails outside is no failure of the device.
Result<void> CudaDevice::synchronize_while(const Meanwhile& meanwhile) {
  Result<void> outside{};
  const auto look = [&] {
    if (outside) outside = meanwhile();
  };
  if (fine(Result<void>{}) && fine(done_.record(stream_)) &&
      fine(done_.wait(kDeviceWaitMax, look))) {
    return outside;
  }
  return Unexpected(*failure_);
}

Result<void> CudaDevice::health() {
  if (failure_) return Unexpected(*failure_);
  return {};
}

Result<std::uint64_t> CudaDevice::mark() {
  SY_TRY(health());
  return marks_.add(stream_);
}

Result<bool> CudaDevice::passed(std::uint64_t mark) { return marks_.passed(mark); }

Result<DeviceMemory> CudaDevice::allocate(std::size_t bytes) {
  SY_ASSIGN(auto memory, allocate_device(bytes));
  if (bytes != 0) {
    SY_TRY(check(cudaMemsetAsync(memory.data(), 0, bytes, stream_.get()), "clearing memory"));
  }
  return memory;
}

Result<HostBuffer> CudaDevice::allocate_wire(std::size_t bytes) { return allocate_pinned(bytes); }

Result<void> CudaDevice::upload(Bytes from, std::byte* to) {
  if (from.empty()) return {};
  SY_TRY(check(cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyHostToDevice, stream_.get()),
               "copying to the device"));
  return wait();
}

Result<void> CudaDevice::download(const std::byte* from, MutableBytes to) {
  if (to.empty()) return {};
  SY_TRY(check(cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, stream_.get()),
               "copying from the device"));
  return synchronize();
}

Result<std::unique_ptr<PackedMatrix>> CudaDevice::pack(const WeightView& weight) {
  SY_ASSIGN(auto matrix, packer_.matrix(stream_, weight, operand()));
  return std::make_unique<CudaPackedMatrix>(std::move(matrix));
}

Result<std::unique_ptr<PackedMatrix>> CudaDevice::pack_gate(const WeightView& weight) {
  SY_ASSIGN(auto matrix, packer_.matrix(stream_, weight, DType::kF32));
  return std::make_unique<CudaPackedMatrix>(std::move(matrix));
}

Result<std::unique_ptr<PackedExpert>> CudaDevice::pack_expert(const WeightView& gate,
                                                              const WeightView& up,
                                                              const WeightView& down) {
  SY_CHECK(down.out == gate.in && down.in == gate.out, "gate [{}, {}], down [{}, {}]", gate.out,
           gate.in, down.out, down.in);
  SY_ASSIGN(auto gate_up, packer_.gate_up(stream_, gate, up, operand()));
  auto packed = packer_.matrix(stream_, down, operand());
  if (!packed) return with_place(std::move(packed).error(), "down");
  return std::make_unique<CudaPackedExpert>(std::move(gate_up), std::move(packed).value());
}

Result<std::unique_ptr<KvCache>> CudaDevice::make_kv_cache(const KvCacheShape& shape) {
  if (shape.head_size == 0 || shape.head_size % 2 != 0 || shape.head_size > kHeadSizeMax) {
    return fail(ErrorCode::kUnsupported, "head size {} is not an even number up to {}",
                shape.head_size, kHeadSizeMax);
  }
  // A step's page tables name every page of the pool once at most.
  plan_.reserve_pages(shape.pages);
  SY_TRY(reserve_partials(shape));
  const std::size_t table_bytes =
      2 * shape.pages * sizeof(std::uint32_t) +
      plan_.partial_rows() * (sizeof(AttendItem) + sizeof(FoldItem) / 2) + kTableBytes;
  if (table_bytes > tables_.half_bytes()) {
    SY_TRY(wait());
    SY_ASSIGN(tables_, TableRing::create(table_bytes));
  }
  return CudaKvCache::create(stream_, shape, operand());
}

Result<void> CudaDevice::grow(DeviceMemory& memory, std::size_t bytes) {
  if (bytes <= memory.bytes()) return {};
  SY_TRY(wait());
  memory = DeviceMemory();  // before the larger one, so that both need not fit
  SY_ASSIGN(memory, allocate_device(bytes));
  return {};
}

Result<void> CudaDevice::reserve(std::size_t tokens, std::size_t pairs, std::size_t hidden,
                                 std::size_t inner) {
  constexpr std::size_t kRounding = 8;  // elements of a 16-byte chunk at most
  constexpr std::size_t kSlotsUsual = 16;
  const std::size_t rows = std::max(tokens, pairs);
  const std::size_t operand_bytes = size_bytes(operand());
  SY_TRY(grow(permuted_, pairs * (hidden + kRounding) * operand_bytes));
  SY_TRY(grow(inner_, rows * (inner + kRounding) * operand_bytes));
  SY_TRY(grow(results_, pairs * (hidden + kRounding) * sizeof(float)));
  if (library_ != nullptr) {
    SY_TRY(grow(gate_up_, std::min(rows, kLibraryChunkRows) * 2 * inner * sizeof(float)));
  }
  const std::size_t row_table_bytes = 4 * sizeof(std::uint32_t) + sizeof(AttendItem);
  const std::size_t table_bytes =
      tokens * (kSlotsUsual * sizeof(DeviceSlot) + 64 * row_table_bytes) +
      kPartialRows * (sizeof(AttendItem) + sizeof(FoldItem) / 2) +
      pairs * (2 * sizeof(std::uint32_t) + 2 * sizeof(MatmulTile)) + kTableBytes;
  if (table_bytes > tables_.half_bytes()) {
    SY_TRY(wait());
    SY_ASSIGN(tables_, TableRing::create(table_bytes));
  }
  plan_.reserve_rows(tokens);
  return {};
}

void CudaDevice::embed(const WeightView& table, std::span<const std::uint32_t> ids,
                       MatrixView<float> out) {
  SY_CHECK(out.rows() == ids.size() && out.cols() == table.in);
  for (const std::uint32_t id : ids) SY_CHECK(id < table.out, "id {} of {}", id, table.out);
  if (failure_ || !fine(tables_.begin(stream_, ids.size_bytes(), 1))) return;
  EmbedArgs args{table.data,   table.dtype, tables_.add(ids), out.data(),
                 out.stride(), out.rows(),  out.cols()};
  if (fine(tables_.flush(stream_))) (void)fine(launch_embed(stream_.get(), args), "embed");
}

void CudaDevice::rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
                         MatrixView<float> fp32_out) {
  SY_CHECK(norm.gain.size() == x.cols() && operand.rows == x.rows() && operand.cols == x.cols() &&
               operand.dtype == operand_dtype(precision_),
           "x [{}, {}], gain [{}], operand {} [{}, {}]", x.rows(), x.cols(), norm.gain.size(),
           to_string(operand.dtype), operand.rows, operand.cols);
  SY_CHECK(fp32_out.empty() || (fp32_out.rows() == x.rows() && fp32_out.cols() == x.cols()));
  if (failure_) return;
  RmsNormArgs args;
  args.x = x.data();
  args.x_stride = x.stride();
  args.gain = norm.gain.data();
  args.eps = norm.eps;
  args.operand = block_of(operand);
  args.fp32 = fp32_out.empty() ? nullptr : fp32_out.data();
  args.fp32_stride = fp32_out.stride();
  args.rows = x.rows();
  args.cols = x.cols();
  (void)fine(launch_rmsnorm(stream_.get(), args), "rmsnorm");
}

void CudaDevice::combine(std::span<const std::uint32_t> slot_begin,
                         std::span<const CombineSlot> slots, DType wire_dtype,
                         MatrixView<float> residual) {
  if (residual.rows() == 0) return;
  SY_CHECK(slot_begin.size() == residual.rows() + 1 && slot_begin.back() <= slots.size());
  SY_CHECK(wire_dtype == DType::kF32 || wire_dtype == DType::kBf16);
  const std::size_t bytes = slot_begin.size_bytes() + slots.size() * sizeof(DeviceSlot);
  if (failure_ || !fine(tables_.begin(stream_, bytes, 2))) return;
  auto* to = tables_.make<DeviceSlot>(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) to[i] = {slots[i].row, slots[i].weight};
  CombineArgs args;
  args.slot_begin = tables_.add(slot_begin);
  args.slots = tables_.on_device(to);
  args.dtype = wire_dtype;
  args.residual = residual.data();
  args.residual_stride = residual.stride();
  args.rows = residual.rows();
  args.cols = residual.cols();
  if (fine(tables_.flush(stream_))) (void)fine(launch_combine(stream_.get(), args), "combine");
}

void CudaDevice::convert(Rows src, MutableRows dst) {
  SY_CHECK(src.rows == dst.rows && src.cols == dst.cols);
  if (failure_) return;
  if (src.dtype == dst.dtype) {
    GatherArgs args{block_of(src), nullptr, block_of(dst), nullptr, src.rows, src.row_bytes()};
    (void)fine(launch_gather(stream_.get(), args), "convert");
    return;
  }
  SY_CHECK(src.dtype != DType::kF16 && dst.dtype != DType::kF16, "{} to {}", to_string(src.dtype),
           to_string(dst.dtype));
  ConvertArgs args{block_of(src), block_of(dst), src.rows, src.cols};
  (void)fine(launch_convert(stream_.get(), args), "convert");
}

void CudaDevice::gather_rows(Rows x, std::span<const std::uint32_t> rows, MutableRows to) {
  SY_CHECK(to.rows == rows.size() && to.cols == x.cols && to.dtype == x.dtype,
           "{} rows of {} {} into {} of {} {}", rows.size(), x.cols, to_string(x.dtype), to.rows,
           to.cols, to_string(to.dtype));
  for (const std::uint32_t row : rows) SY_CHECK(row < x.rows, "row {} of {}", row, x.rows);
  if (failure_ || !fine(tables_.begin(stream_, rows.size_bytes(), 1))) return;
  GatherArgs args{block_of(x), tables_.add(rows), block_of(to), nullptr, to.rows, x.row_bytes()};
  if (fine(tables_.flush(stream_))) (void)fine(launch_gather(stream_.get(), args), "gather_rows");
}

void CudaDevice::row_variance(MatrixView<const float> x, std::span<float> out) {
  SY_CHECK(out.size() == x.rows());
  if (failure_) return;
  VarianceArgs args{x.data(), x.stride(), out.data(), x.rows(), x.cols()};
  (void)fine(launch_row_variance(stream_.get(), args), "row_variance");
}

void CudaDevice::select(MatrixView<const float> logits, const SelectionRule& rule,
                        const SelectedRows& out) {
  const std::size_t rows = logits.rows();
  const std::size_t experts = logits.cols();
  SY_CHECK(experts <= kSelectExpertsMax && rule.ranked <= experts && rule.k_max <= rule.ranked &&
               rule.k_max <= out.k_max && rule.steps <= SelectionRule::kStepsMax,
           "k_max {}, {} ranked of {} experts, room for {}", rule.k_max, rule.ranked, experts,
           out.k_max);
  SY_CHECK(rule.groups == 0 || (experts % rule.groups == 0 && rule.groups_kept <= rule.groups),
           "{} of {} groups", rule.groups_kept, rule.groups);
  SY_CHECK(out.count.size() == rows && out.experts.size() == rows * out.k_max &&
               out.weights.size() == rows * out.k_max,
           "{} rows, room for {}", rows, out.count.size());
  if (failure_) return;
  SelectArgs args{logits.data(),      logits.stride(), rule, out.count.data(), out.experts.data(),
                  out.weights.data(), out.k_max,       rows, experts};
  if (rule.bias != nullptr) {
    const std::span<const float> bias(rule.bias, experts);
    if (!fine(tables_.begin(stream_, bias.size_bytes(), 1))) return;
    args.rule.bias = tables_.add(bias);
    if (!fine(tables_.flush(stream_))) return;
  }
  (void)fine(launch_select(stream_.get(), args), "select");
}

void CudaDevice::argmax(MatrixView<const float> logits, std::span<std::uint32_t> ids) {
  SY_CHECK(ids.size() == logits.rows() && logits.cols() > 0, "{} ids for logits [{}, {}]",
           ids.size(), logits.rows(), logits.cols());
  if (failure_) return;
  ArgmaxArgs args{logits.data(), logits.stride(), ids.data(), logits.rows(), logits.cols()};
  (void)fine(launch_argmax(stream_.get(), args), "argmax");
}

}  // namespace switchyard::kernels::cuda
