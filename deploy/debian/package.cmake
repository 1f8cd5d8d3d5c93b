# The Debian packages: `cpack` in a build made by scripts/package. aigw is what runs, aigw-dev what plugins are built with.
#
# /usr/share/aigw/conf.d   the shipped files, replaced by upgrades: dpkg asks nothing about them
# /etc/aigw/conf.d         the operator's files, read after them
# /etc/aigw/env            variables of the service, a conffile
if(NOT AIGW_DEBIAN_PACKAGE)
  return() # another installation has other places: the image, for one
endif()
install(FILES deploy/debian/90-local.conf.example DESTINATION /etc/aigw/conf.d)
install(FILES deploy/debian/env DESTINATION /etc/aigw PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES LICENSE DESTINATION share/doc/aigw RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME aigw)
set(CPACK_PACKAGE_VENDOR "the aigw project")
set(CPACK_PACKAGE_CONTACT "the aigw project <aigw@localhost.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "The service between GitLab, or any other client, and language models.")
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL runtime systemd shell sdk)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
if(DEFINED ENV{AIGW_PACKAGE_VERSION})
  set(CPACK_PACKAGE_VERSION $ENV{AIGW_PACKAGE_VERSION})
endif()

set(CPACK_DEBIAN_AIGW_PACKAGE_NAME aigw)
set(CPACK_DEBIAN_AIGW_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_AIGW_PACKAGE_DEPENDS "ca-certificates, tzdata, init-system-helpers")
set(CPACK_DEBIAN_AIGW_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/deploy/debian/conffiles;${CMAKE_SOURCE_DIR}/deploy/debian/postinst;${CMAKE_SOURCE_DIR}/deploy/debian/prerm;${CMAKE_SOURCE_DIR}/deploy/debian/postrm")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME aigw-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "cmake, pkg-config")

include(CPack)
foreach(component runtime systemd shell)
  cpack_add_component(${component} GROUP aigw)
endforeach()
cpack_add_component(sdk GROUP dev)
