// The functions out of the shared library of the toolkit's version: where the system's loader
// looks, then in the toolkit that this build was made with.
#include <dlfcn.h>

#include <string>

#include "kernels/cuda_cublas/cublas_functions.h"

namespace switchyard::kernels::cuda {
namespace {

// Set by the build: the folder of the toolkit's libraries.
constexpr const char* kToolkitFolder = SWITCHYARD_CUDA_LIBRARY_FOLDER;

// Never closed: it keeps threads and handles of its own.
void* open_library(const std::string& name) {
  constexpr int kMode = RTLD_NOW | RTLD_LOCAL;
  if (void* const library = dlopen(name.c_str(), kMode); library != nullptr) return library;
  return dlopen((std::string(kToolkitFolder) + "/" + name).c_str(), kMode);
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Result<CublasFunctions> load_cublas() {
  const std::string name = fmt::format("libcublas.so.{}", CUBLAS_VER_MAJOR);
  void* const library = open_library(name);
  if (library == nullptr) {
    return fail(ErrorCode::kUnsupported, ErrorScope::kDevice, "{} was not found", name);
  }
  CublasFunctions cublas;
  const bool all = find(library, "cublasCreate_v2", cublas.create) &&
                   find(library, "cublasDestroy_v2", cublas.destroy) &&
                   find(library, "cublasSetStream_v2", cublas.set_stream) &&
                   find(library, "cublasSetWorkspace_v2", cublas.set_workspace) &&
                   find(library, "cublasSetMathMode", cublas.set_math_mode) &&
                   find(library, "cublasGemmEx", cublas.gemm) &&
                   find(library, "cublasGetStatusString", cublas.status_text);
  if (!all) {
    return fail(ErrorCode::kUnsupported, ErrorScope::kDevice, "{} lacks a function: {}", name,
                dlerror());
  }
  return cublas;
}

}  // namespace switchyard::kernels::cuda
