/* main.c - a table of contents: what aigw can do is in cli/cli.c, how it serves in pipeline/serve.c. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return gw_cli_main(argc, argv);
}
