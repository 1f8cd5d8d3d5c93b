/* docs_index.c - the program docs-index, which `aigw docs index` becomes. Its arguments were checked there. */
#include <stdio.h>
#include <stdlib.h>

#include "docs/docs.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("docs-index: is called by `aigw docs index`; try `aigw docs --help`\n", stderr);
        return 2;
    }
    return docs_index(argv[1], argv[2], argv[3]);
}
