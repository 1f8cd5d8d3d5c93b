# aigw_add_plugin(<name> KIND provider|feature SOURCES a.c… [LIBS target…] [SETTINGS text])
#
# Builds <name>.so, in C or C++, into lib/aigw/<kind>s of the build tree, installs it, hides every symbol but the entry
# point and, with tests on, checks it as the test `conformance.<kind>.<name>`: with SETTINGS, in the form of conf.d, when
# open() is more demanding than its settings table.
function(aigw_add_plugin name)
  cmake_parse_arguments(P "" "KIND;SETTINGS" "SOURCES;LIBS" ${ARGN})
  if(NOT P_KIND MATCHES "^(provider|feature)$")
    message(FATAL_ERROR "aigw_add_plugin(${name}): KIND is '${P_KIND}', expected provider or feature")
  endif()
  set(target ${P_KIND}_${name})
  add_library(${target} MODULE ${P_SOURCES})
  if(CMAKE_C_COMPILER_LOADED)
    target_compile_features(${target} PRIVATE c_std_11)
  endif()
  if(CMAKE_CXX_COMPILER_LOADED)
    target_compile_features(${target} PRIVATE cxx_std_17)
  endif()
  target_link_libraries(${target} PRIVATE aigw::sdk ${P_LIBS})
  if(TARGET aigw::warnings)
    target_link_libraries(${target} PRIVATE aigw::warnings)
  endif()
  if(NOT AIGW_SANITIZE AND NOT AIGW_FUZZ) # a sanitizer's runtime lives in the program
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/aigw/${P_KIND}s)
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/aigw/${P_KIND}s)
  if(BUILD_TESTING AND TARGET aigw::plugin)
    set(options)
    if(DEFINED P_SETTINGS)
      set(options --settings ${P_SETTINGS})
    endif()
    add_test(NAME conformance.${P_KIND}.${name} COMMAND aigw::plugin test ${options} $<TARGET_FILE:${target}>)
  endif()
endfunction()

# aigw_add_cases(<name> KIND provider|feature CASES a.case…)
#
# Runs case files (docs/plugin-authors.md) against the plugin as the test `cases.<kind>.<name>`.
function(aigw_add_cases name)
  cmake_parse_arguments(P "" "KIND" "CASES" ${ARGN})
  if(NOT BUILD_TESTING OR NOT TARGET aigw::plugin)
    return()
  endif()
  set(files)
  foreach(case ${P_CASES})
    get_filename_component(path ${case} ABSOLUTE)
    list(APPEND files ${path})
  endforeach()
  add_test(NAME cases.${P_KIND}.${name}
    COMMAND aigw::plugin test $<TARGET_FILE:${P_KIND}_${name}> ${files})
endfunction()
