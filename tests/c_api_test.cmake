# Makes the runs that the C programs load, in the current folder, and runs the programs.
#   cmake -DERG=program -DTEST=c_api_test -DEXAMPLE=readme_c_example -DLIBRARY=liberg_c.so -DNM=nm -P c_api_test.cmake
set(fatal COMMAND_ERROR_IS_FATAL ANY)
set(train ${ERG} train --quiet --preset small --device cpu --steps 20 --checkpoint-every 20 --width 16 --batch 64)
file(REMOVE_RECURSE runs)
execute_process(COMMAND ${train} gan --latent 3 --out runs/gan OUTPUT_QUIET ${fatal})
execute_process(COMMAND ${train} ebm --out runs/ebm OUTPUT_QUIET ${fatal})
execute_process(COMMAND ${ERG} sample --quiet runs/gan --device cpu --n 32 --seed 7 --out samples.npy OUTPUT_QUIET ${fatal})
file(COPY runs/gan/ DESTINATION runs/damaged)
file(COPY runs/gan/ DESTINATION runs/digits)  # what the README's example loads
file(APPEND runs/damaged/ckpt/00000020.safetensors "more")

execute_process(COMMAND ${TEST} ${fatal})
execute_process(COMMAND ${EXAMPLE} OUTPUT_VARIABLE printed ${fatal})
if(NOT printed MATCHES "^16 samples of 2 numbers")
  message(FATAL_ERROR "the example in the README printed '${printed}'")
endif()

# Nothing else is visible: the library may share a process with another erg, or another C++ library.
if(NM)
  execute_process(COMMAND ${NM} --dynamic --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols ${fatal})
  string(REGEX REPLACE "[^\n]* [A-Za-z] erg_[a-z_]+\n" "" others "${symbols}")
  if(others)
    message(FATAL_ERROR "symbols beside erg_*:\n${others}")
  endif()
endif()
