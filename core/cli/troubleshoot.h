/* troubleshoot.h - what the model test asks: deploy/troubleshoot/model_request.json, turned into C by the build.
 * Features are named there and not here. */
#ifndef GW_CLI_TROUBLESHOOT_H
#define GW_CLI_TROUBLESHOOT_H

#include <stddef.h>

extern const char cli_troubleshoot_request[];
extern const size_t cli_troubleshoot_request_len;

#endif
