# Where the CUDA kernels come from: nvcc, the emulator, or nowhere.
#
#   ERG_CUDA=AUTO   nvcc if it is found and works, else a CPU build (the default)
#   ERG_CUDA=ON     nvcc, or an error
#   ERG_CUDA=OFF    a CPU build
#   ERG_CUDA_EMULATOR=ON   the same sources compiled by the C++ compiler; a "cuda" device that runs on the CPU
#
# Afterwards ERG_CUDA_FOUND says whether erg_core has a cuda device, and erg_add_cuda(target) gives it to a target.

set(ERG_CUDA AUTO CACHE STRING "Compile the CUDA kernels: AUTO, ON or OFF")
set_property(CACHE ERG_CUDA PROPERTY STRINGS AUTO ON OFF)
option(ERG_CUDA_EMULATOR "Run the CUDA kernels on the CPU, in the emulator (for tests and study)" OFF)
# Named, never probed from the machine: 80 A100, 90 H100 and H200, 100 B200; 120 also as PTX for what comes.
set(ERG_CUDA_ARCHITECTURES "80-real;90-real;100-real;120" CACHE STRING "GPU architectures to compile for")

file(GLOB ERG_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cu)
set(ERG_CUDA_FOUND FALSE)

if(ERG_CUDA_EMULATOR)
  file(GLOB emulator_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/emulator/*.cpp)
  set_source_files_properties(${ERG_CUDA_SOURCES} PROPERTIES LANGUAGE CXX)
  list(APPEND ERG_CUDA_SOURCES ${emulator_sources})
  set(ERG_CUDA_FOUND TRUE)
elseif(NOT ERG_CUDA STREQUAL "OFF")
  # check_language() would keep a negative answer for ever, and a broken nvcc would stop the whole build.
  find_program(ERG_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH PATHS /usr/local/cuda /opt/cuda PATH_SUFFIXES bin)
  if(ERG_NVCC)
    execute_process(COMMAND ${ERG_NVCC} --version OUTPUT_VARIABLE nvcc_says ERROR_VARIABLE nvcc_says RESULT_VARIABLE nvcc_failed)
    if(NOT nvcc_failed AND nvcc_says MATCHES "release ([0-9.]+)")
      set(nvcc_version ${CMAKE_MATCH_1})
    endif()
  endif()
  if(nvcc_version VERSION_GREATER_EQUAL 12.8)
    if(NOT DEFINED CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER ${ERG_NVCC})
    endif()
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES ${ERG_CUDA_ARCHITECTURES})
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # CMake 3.25 does not know these yet
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    if(ERG_CCACHE_PROGRAM)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${ERG_CCACHE_PROGRAM})
    endif()
    set(ERG_CUDA_FOUND TRUE)
  elseif(ERG_CUDA STREQUAL "ON")
    if(NOT ERG_NVCC)
      set(reason "nvcc was not found: install the CUDA Toolkit (12.8 or newer), or put its bin/ on PATH")
    elseif(nvcc_version)
      set(reason "${ERG_NVCC} is CUDA ${nvcc_version}, and 12.8 is the oldest that will do")
    else()
      set(reason "${ERG_NVCC} does not run: ${nvcc_says}")
    endif()
    message(FATAL_ERROR "ERG_CUDA=ON, but ${reason}; or configure with -DERG_CUDA=OFF")
  endif()
endif()

function(erg_add_cuda target)
  target_sources(${target} PRIVATE ${ERG_CUDA_SOURCES})
  target_compile_definitions(${target} PUBLIC ERG_HAS_CUDA=1)
  if(ERG_CUDA_EMULATOR)
    target_compile_definitions(${target} PUBLIC ERG_CUDA_EMULATOR=1)
    return()
  endif()
  # The runtime is linked statically: the library runs, on the CPU, where there is no driver.
  target_link_libraries(${target} PRIVATE CUDA::cudart_static)
  set_target_properties(${target} PROPERTIES CUDA_STANDARD 20 LINKER_LANGUAGE CXX)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
  # A kernel that spills registers or has a stack frame works in slow memory: among warnings that are errors, an error.
  if(ERG_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-warn-spills,-warn-lmem-usage,-Werror>)
  endif()
endfunction()
