#include "comm/nccl/cuda_handles.h"

namespace switchyard::comm::nccl {

Result<Stream> make_stream() {
  cudaStream_t stream = nullptr;
  SY_TRY(check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream"));
  return Stream(stream);
}

Result<Event> make_event() {
  cudaEvent_t event = nullptr;
  SY_TRY(check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event"));
  return Event(event);
}

Result<bool> happened(const Event& event) {
  const cudaError_t status = cudaEventQuery(event.get());
  if (status == cudaSuccess) return true;
  if (status == cudaErrorNotReady) {
    (void)cudaGetLastError();  // "not ready" counts as an error
    return false;
  }
  SY_TRY(check_cuda(status, "asking for an event"));
  return false;
}

}  // namespace switchyard::comm::nccl
