# SPDX-License-Identifier: LGPL-2.1-or-later
# cgtune-config.cmake - find_package(cgtune): the targets cgtune::cgtune, and cgtune::probe where it is installed
#
# Of what lies beside this file, wherever that was moved to: LIBDIR/cmake/cgtune.
get_filename_component(_cgtune_libdir "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(_cgtune_includedir "")
foreach(_cgtune_up IN ITEMS .. ../..)	# lib/cmake, lib/TRIPLET/cmake
	if(NOT _cgtune_includedir AND EXISTS "${_cgtune_libdir}/${_cgtune_up}/include/cgtune.h")
		get_filename_component(_cgtune_includedir "${_cgtune_libdir}/${_cgtune_up}/include" ABSOLUTE)
	endif()
endforeach()

# _cgtune_target(NAME LIBRARY NEEDED...): of a library whose files are there
macro(_cgtune_target name library)
	if(_cgtune_includedir AND EXISTS "${_cgtune_libdir}/${library}" AND NOT TARGET cgtune::${name})
		add_library(cgtune::${name} SHARED IMPORTED)
		set_target_properties(cgtune::${name} PROPERTIES
			IMPORTED_LOCATION "${_cgtune_libdir}/${library}"
			INTERFACE_INCLUDE_DIRECTORIES "${_cgtune_includedir}"
			INTERFACE_LINK_LIBRARIES "${ARGN}")
	endif()
	if(TARGET cgtune::${name})
		set(cgtune_${name}_FOUND TRUE)
	endif()
endmacro()

_cgtune_target(cgtune libcgtune.so)
_cgtune_target(probe libcgtune-probe.so cgtune::cgtune)

if(NOT cgtune_cgtune_FOUND)
	set(cgtune_FOUND FALSE)
	set(cgtune_NOT_FOUND_MESSAGE "there is no libcgtune.so in ${_cgtune_libdir}, or no include/cgtune.h beside it")
endif()
foreach(_cgtune_component IN LISTS cgtune_FIND_COMPONENTS)
	if(cgtune_FIND_REQUIRED_${_cgtune_component} AND NOT cgtune_${_cgtune_component}_FOUND)
		set(cgtune_FOUND FALSE)
		set(cgtune_NOT_FOUND_MESSAGE "there is no component ${_cgtune_component} in ${_cgtune_libdir}")
	endif()
endforeach()
