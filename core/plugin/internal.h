/* internal.h - shared by the files of plugin/ only. */
#ifndef GW_PLUGIN_INTERNAL_H
#define GW_PLUGIN_INTERNAL_H

#include "plugin/plugin.h"

/** "provider" or "feature". */
const char *gw_plugin_kind_name(uint32_t kind);

#endif
