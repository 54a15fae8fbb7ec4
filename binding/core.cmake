# What needs neither Node nor LibTorch, for the addon and for its own tests.
file(GLOB core_sources CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/base/*.cc ${CMAKE_CURRENT_LIST_DIR}/kernels/*.cc
  ${CMAKE_CURRENT_LIST_DIR}/statistics/*.cc ${CMAKE_CURRENT_LIST_DIR}/store/*.cc
  ${CMAKE_CURRENT_LIST_DIR}/tally/*.cc ${CMAKE_CURRENT_LIST_DIR}/cuda/*.cc
  ${CMAKE_CURRENT_LIST_DIR}/backend/*.cc
  ${CMAKE_CURRENT_LIST_DIR}/run/*.cc ${CMAKE_CURRENT_LIST_DIR}/worth/*.cc
  ${CMAKE_CURRENT_LIST_DIR}/pictures/*.cc)

# No fused multiply-add: counts must not depend on the processor.
set(core_options -Wall -Wextra -ffp-contract=off)
# Where the project tests itself. Of users' compilers nobody knows what they warn of.
option(WARNINGS_ARE_ERRORS "warnings are errors" OFF)
if(WARNINGS_ARE_ERRORS)
  list(APPEND core_options -Werror)
endif()

# The inner loops once for every instruction set; which one runs is chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(core_definitions NETDISSECT_X86)
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/kernels/kernels_avx2.cc
    PROPERTIES COMPILE_OPTIONS "-mavx2;-mpopcnt")
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/kernels/kernels_avx512.cc
    PROPERTIES COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512vl;-mavx512vpopcntdq;-mpopcnt")
endif()

# The kernels for CUDA as text, to be compiled at run time.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/cuda/kernels.cuh)
file(READ ${CMAKE_CURRENT_LIST_DIR}/cuda/kernels.cuh cuda_kernel_text)
configure_file(${CMAKE_CURRENT_LIST_DIR}/cuda/kernel_text.cc.in ${CMAKE_CURRENT_BINARY_DIR}/kernel_text.cc @ONLY)
list(APPEND core_sources ${CMAKE_CURRENT_BINARY_DIR}/kernel_text.cc)
set(core_libraries ${CMAKE_DL_LIBS})
