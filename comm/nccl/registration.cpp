#include "comm/nccl/registration.h"

#include "comm/nccl/nccl_error.h"

namespace switchyard::comm::nccl {

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 23, 0)

Result<void> can_register() {
  int version = 0;
  SY_TRY(check_nccl(ncclGetVersion(&version), "asking for the version"));
  if (version >= NCCL_VERSION(2, 23, 0)) return {};
  return fail(ErrorCode::kUnsupported, "{} does not register memory for sends",
              version_text(version));
}

Result<Registrations> register_memory(ncclComm_t comm, std::span<const MutableBytes> memory) {
  Registrations made;
  for (const MutableBytes& each : memory) {
    void* handle = nullptr;
    const auto status = ncclCommRegister(comm, each.data(), each.size(), &handle);
    if (auto done = check_nccl(status, "registering memory for rows"); !done) {
      (void)cudaGetLastError();
      done.error().scope = ErrorScope::kCommunicator;  // the GPU can do without
      return Unexpected(std::move(done).error());
    }
    if (handle == nullptr) {
      return fail(ErrorCode::kUnsupported, ErrorScope::kCommunicator,
                  "NCCL was told to register no memory (NCCL_LOCAL_REGISTER)");
    }
    made.push_back(handle);
  }
  return made;
}

void take_back(ncclComm_t comm, const Registrations& registrations) {
  for (void* each : registrations) (void)ncclCommDeregister(comm, each);
}

Result<void*> allocate_registrable(std::size_t bytes) {
  void* memory = nullptr;
  if (auto made = check_nccl(ncclMemAlloc(&memory, bytes), "memory for rows"); !made) {
    (void)cudaGetLastError();  // or the next call finds it
    return Unexpected(std::move(made).error());
  }
  return memory;
}

void free_registrable(void* memory) { (void)ncclMemFree(memory); }

#else

namespace {

Result<void> too_old() {
  return fail(ErrorCode::kUnsupported, ErrorScope::kCommunicator,
              "this build's {} does not register memory for sends",
              version_text(NCCL_VERSION_CODE));
}

}  // namespace

Result<void> can_register() { return too_old(); }

Result<Registrations> register_memory(ncclComm_t /*comm*/,
                                      std::span<const MutableBytes> /*memory*/) {
  return Unexpected(too_old().error());
}

void take_back(ncclComm_t /*comm*/, const Registrations& /*registrations*/) {}

Result<void*> allocate_registrable(std::size_t /*bytes*/) { return Unexpected(too_old().error()); }

void free_registrable(void* /*memory*/) {}

#endif

}  // namespace switchyard::comm::nccl
