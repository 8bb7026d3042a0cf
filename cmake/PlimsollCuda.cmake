# Whether the CUDA back end is built (PLIMSOLL_CUDA_BUILT), and how its kernels become data of the library.
#
# Needed are nvcc and bin2c of the toolkit, and the headers cuda.h and cublasLt.h. Nothing of CUDA's is linked: the driver and cuBLASLt are
# found at run time.
set(PLIMSOLL_CUDA AUTO CACHE STRING "Build the CUDA back end: ON, OFF, or AUTO where a CUDA toolkit of 12.4 or later is found")
set_property(CACHE PLIMSOLL_CUDA PROPERTY STRINGS AUTO ON OFF)
# Code for these generations, each of which runs on the later ones of its own; for newer ones the driver compiles the last one's PTX.
set(PLIMSOLL_CUDA_ARCHITECTURES "80;90" CACHE STRING "Compute capabilities that kernels are compiled for, without the point")

# Sets PLIMSOLL_CUDA_MISSING to what is missing, in words; empty if nothing is.
function(plimsoll_find_cuda)
  set(hints $ENV{CUDA_HOME} $ENV{CUDA_PATH} /usr/local/cuda)
  find_program(PLIMSOLL_NVCC nvcc HINTS ${hints} PATH_SUFFIXES bin)
  if(NOT PLIMSOLL_NVCC)
    set(PLIMSOLL_CUDA_MISSING "no nvcc was found: install a CUDA toolkit, or set CUDA_HOME to it" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(nvcc ${PLIMSOLL_NVCC} REALPATH)
  get_filename_component(root ${nvcc}/../.. ABSOLUTE)
  find_program(PLIMSOLL_BIN2C bin2c HINTS ${root} PATH_SUFFIXES bin)
  find_path(PLIMSOLL_CUDA_INCLUDE NAMES cublasLt.h HINTS ${root} PATH_SUFFIXES include targets/x86_64-linux/include)
  if(NOT PLIMSOLL_BIN2C OR NOT PLIMSOLL_CUDA_INCLUDE OR NOT EXISTS ${PLIMSOLL_CUDA_INCLUDE}/cuda.h)
    set(PLIMSOLL_CUDA_MISSING "bin2c, cuda.h or cublasLt.h was not found beside ${PLIMSOLL_NVCC}: install all of the toolkit" PARENT_SCOPE)
    return()
  endif()
  # A toolkit that does not go with the host's compiler is found out here, once.
  if(NOT DEFINED PLIMSOLL_NVCC_WORKS)
    set(probe ${PROJECT_BINARY_DIR}/CMakeFiles/plimsoll_nvcc_probe)
    file(WRITE ${probe}.cu "#include <variant>\n#include <cuda.h>\nstatic_assert(CUDA_VERSION >= 12040);\n__global__ void nothing() {}\n")
    execute_process(COMMAND ${PLIMSOLL_NVCC} -std=c++20 -arch=sm_80 --fatbin ${probe}.cu -o ${probe}.fatbin RESULT_VARIABLE failed
                    OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed)
      file(WRITE ${probe}.log "${output}")
      set(PLIMSOLL_CUDA_MISSING "${PLIMSOLL_NVCC} cannot compile here or is older than 12.4: see ${probe}.log" PARENT_SCOPE)
      return()
    endif()
    set(PLIMSOLL_NVCC_WORKS TRUE CACHE INTERNAL "")
  endif()
  set(PLIMSOLL_CUDA_MISSING "" PARENT_SCOPE)
endfunction()

set(PLIMSOLL_CUDA_BUILT FALSE)
if(NOT PLIMSOLL_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PLIMSOLL_CUDA is '${PLIMSOLL_CUDA}': give AUTO, ON or OFF")
endif()
if(NOT PLIMSOLL_CUDA STREQUAL "OFF")
  plimsoll_find_cuda()
  if(PLIMSOLL_CUDA_MISSING AND PLIMSOLL_CUDA STREQUAL "ON")
    message(FATAL_ERROR "PLIMSOLL_CUDA=ON, but ${PLIMSOLL_CUDA_MISSING}")
  elseif(PLIMSOLL_CUDA_MISSING)
    message(STATUS "Without the CUDA back end: ${PLIMSOLL_CUDA_MISSING}")
  else()
    message(STATUS "With the CUDA back end: ${PLIMSOLL_NVCC}")
    set(PLIMSOLL_CUDA_BUILT TRUE)
  endif()
endif()

# plimsoll_kernel_image(TARGET SOURCE.cu [HEADERS...]): NAME.inc, a file that defines the array plimsoll_NAME_image, is found by TARGET.
function(plimsoll_kernel_image target source)
  get_filename_component(name ${source} NAME_WE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/kernels)
  file(MAKE_DIRECTORY ${folder})
  set(codes "")
  foreach(architecture IN LISTS PLIMSOLL_CUDA_ARCHITECTURES)
    list(APPEND codes -gencode arch=compute_${architecture},code=sm_${architecture})
    set(newest ${architecture})
  endforeach()
  list(APPEND codes -gencode arch=compute_${newest},code=compute_${newest})
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${folder}/${name}.inc
    COMMAND ${PLIMSOLL_NVCC} -std=c++20 --expt-relaxed-constexpr -O3 -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/src ${codes}
            --fatbin ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${folder}/${name}.fatbin
    COMMAND ${PLIMSOLL_BIN2C} --const --type longlong --name plimsoll_${name}_image ${folder}/${name}.fatbin > ${folder}/${name}.inc
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} ${ARGN}
    COMMENT "Compiling kernels ${source}"
    VERBATIM)
  target_sources(${target} PRIVATE ${folder}/${name}.inc)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
