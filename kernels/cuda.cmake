# The CUDA device: kernels/cuda where cuda_toolkit.cmake found nvcc, else kernels/cuda_absent for its
# one entry point. nvcc compiles the .cu files; the C++ compiler compiles the rest.
file(GLOB cuda_kernel_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cu)
file(GLOB cuda_host_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cpp)
if(NOT CMAKE_CUDA_COMPILER OR SWITCHYARD_CUDA STREQUAL "OFF")
  message(STATUS "Left out: CUDA (nvcc not found or switched off); --device cuda says so")
  add_library(sy_kernels_cuda STATIC cuda_absent/cuda_absent.cpp)
  target_link_libraries(sy_kernels_cuda PUBLIC sy_flags sy_base)
  return()
endif()

# -fmad=false as -ffp-contract=off: a kernel that wants a fused multiply-add says so.
add_library(sy_cuda_kernels OBJECT ${cuda_kernel_sources})
set_target_properties(sy_cuda_kernels PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF)
target_include_directories(sy_cuda_kernels PRIVATE ${PROJECT_SOURCE_DIR}
  ${CMAKE_CURRENT_SOURCE_DIR}/cuda/native)
target_compile_options(sy_cuda_kernels PRIVATE -O3 -fmad=false --expt-relaxed-constexpr
  --Werror=all-warnings -Xcompiler=-Wall,-Wextra)

string(REGEX REPLACE "([0-9]+a?)-real" "sm_\\1" cuda_architectures "${CMAKE_CUDA_ARCHITECTURES}")
string(REGEX REPLACE "(^|;)([0-9]+a?)($|;)" "\\1sm_\\2 ptx_\\2\\3" cuda_architectures
  "${cuda_architectures}")
string(REPLACE ";" " " cuda_architectures "${cuda_architectures}")
string(FIND "${cuda_architectures}" sm_90a warpgroups)
if(warpgroups EQUAL -1)
  set(warpgroups 0)
else()
  set(warpgroups 1)
endif()
# cuBLAS, an opt-in at run time (--cuda-gemm), is loaded then and not linked: its header is enough.
find_path(SWITCHYARD_CUBLAS_INCLUDE_DIR cublas_v2.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
if(SWITCHYARD_CUBLAS_INCLUDE_DIR AND NOT SWITCHYARD_CUBLAS STREQUAL "OFF")
  set(cublas_sources cuda_cublas/cublas_gemm.cpp cuda_cublas/cublas_load.cpp)
else()
  message(STATUS "Left out: cuBLAS (not found or switched off); --cuda-gemm cublas says so")
  set(cublas_sources cuda_cublas_absent/cublas_absent.cpp)
endif()
add_library(sy_kernels_cuda STATIC ${cuda_host_sources} ${cublas_sources}
  $<TARGET_OBJECTS:sy_cuda_kernels>)
target_link_libraries(sy_kernels_cuda PUBLIC sy_flags sy_base
  PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
target_include_directories(sy_kernels_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_compile_definitions(sy_kernels_cuda PRIVATE
  SWITCHYARD_CUDA_ARCHITECTURES="${cuda_architectures}"
  SWITCHYARD_CUDA_WARPGROUPS=${warpgroups}
  SWITCHYARD_CUDA_LIBRARY_FOLDER="${CUDAToolkit_LIBRARY_DIR}")
message(STATUS "CUDA ${CUDAToolkit_VERSION}: ${cuda_architectures}")
