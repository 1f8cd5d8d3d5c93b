/* cli.h - the command line; table.h has the commands. */
#ifndef GW_CLI_H
#define GW_CLI_H

#include "base/base.h"

/** Run one command; what main() returns: 0 good, 1 the command found something wrong, 2 wrong usage. */
int gw_cli_main(int argc, char **argv);

#endif
