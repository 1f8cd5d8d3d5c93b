/* language.h - which language a file is in, from its name or from what the editor says. Pure. */
#ifndef CS_LANGUAGE_H
#define CS_LANGUAGE_H

#include <aigw/abi.h>

struct cs_language {
    const char *name;    /* reported to clients: "js" */
    const char *grammar; /* said to models: "javascript" */
};

/** Text behind the last dot of the base name, as written; absent for ".bashrc", "Makefile" and "name.". */
aigw_str cs_extension(aigw_str file_name);
/** NULL when unknown. Case counts. */
const struct cs_language *cs_language_of_extension(aigw_str extension);
const struct cs_language *cs_language_of_editor(aigw_str language_identifier);

#endif
