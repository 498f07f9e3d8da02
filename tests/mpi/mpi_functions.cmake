# switchyard_mpi_test(name RANKS 1 2 .. COMMAND program args.. [EXIT_CODE n] [TIMEOUT s])
# One ctest `mpi.<name>.n<ranks>` for each number of ranks, run by mpirun with more ranks than cores and as
# root allowed. `program` may be a target. Passes if mpirun ends with EXIT_CODE (0).
function(switchyard_mpi_test name)
  cmake_parse_arguments(TEST "" "EXIT_CODE;TIMEOUT" "RANKS;COMMAND" ${ARGN})
  if(NOT DEFINED TEST_EXIT_CODE)
    set(TEST_EXIT_CODE 0)
  endif()
  if(NOT DEFINED TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  list(POP_FRONT TEST_COMMAND program)
  if(TARGET ${program})
    set(program $<TARGET_FILE:${program}>)
  endif()
  # The shell compares the exit code: ctest itself only knows zero from the rest.
  set(compare "\"$@\"\ncode=$?\necho \"exit code $code, expected ${TEST_EXIT_CODE}\"\ntest $code -eq ${TEST_EXIT_CODE}")
  foreach(ranks IN LISTS TEST_RANKS)
    set(test mpi.${name}.n${ranks})
    add_test(NAME ${test} COMMAND sh -c "${compare}" sh
      ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} ${program} ${TEST_COMMAND})
    # The settings of Open MPI go through the environment, where another MPI overlooks them.
    set_tests_properties(${test} PROPERTIES LABELS mpi TIMEOUT ${TEST_TIMEOUT} PROCESSORS ${ranks}
      ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_mpi_yield_when_idle=1")
  endforeach()
endfunction()
