# erg_ladder: the rungs and their check, for the program and for the tests, whichever is configured first.
include_guard(GLOBAL)

set(folder ${PROJECT_SOURCE_DIR}/bench/ladder)
file(GLOB cpu_rungs CONFIGURE_DEPENDS ${folder}/conv_?_*.cpp ${folder}/langevin_?_*.cpp)
file(GLOB cuda_rungs CONFIGURE_DEPENDS ${folder}/*.cu)

add_library(erg_ladder STATIC ${cpu_rungs} ${folder}/rungs.cpp ${folder}/check.cpp)
target_include_directories(erg_ladder PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(erg_ladder PUBLIC erg_core PRIVATE erg_flags)

# Every rung has the same instructions at its disposal, for none to gain by a flag: AVX2 and fused multiply-adds. The
# library's kernels find out at run time what there is.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${cpu_rungs} TARGET_DIRECTORY erg_ladder PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma")
endif()

if(ERG_CUDA_FOUND)
  target_sources(erg_ladder PRIVATE ${cuda_rungs})
  if(ERG_CUDA_EMULATOR)
    set_source_files_properties(${cuda_rungs} TARGET_DIRECTORY erg_ladder PROPERTIES LANGUAGE CXX)
  else()
    target_link_libraries(erg_ladder PRIVATE CUDA::cudart_static)
    set_target_properties(erg_ladder PROPERTIES CUDA_STANDARD 20 LINKER_LANGUAGE CXX)
    target_compile_options(erg_ladder PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
  endif()
endif()
