/* key.c - `aigw key NAME`: an API key for a client, and what conf.d has to know of it. */
#include <stdio.h>
#include <string.h>

#include "auth/api_keys.h"
#include "cli/internal.h"

/* As libconfig wants the names of groups. */
static bool is_name(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return *text && strchr(first, *text) && strlen(text) <= 64 &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

int cli_key(const struct cli_options *options)
{
    const char *name = options->word_count ? options->words[0] : NULL;
    char secret[GW_API_KEY_SIZE], hash[GW_API_KEY_HASH_SIZE];

    if (!name || !is_name(name) || options->word_count > 1) {
        fprintf(stderr, "aigw: key: %s; expected a name for it: a letter, then letters, digits, _ and -\n",
                !name           ? "no name was given"
                : is_name(name) ? "more than one name was given"
                                : "such a name cannot be a group of conf.d");
        return CLI_USAGE;
    }
    if (gw_api_key_make(secret, hash) != AIGW_OK) {
        fprintf(stderr, "aigw: key: this machine has no random numbers to give\n");
        return CLI_FAILED;
    }
    printf("%s\n", secret);
    fprintf(stderr,
            "This is the only time that the key is shown. Give it to the client, and put into a file of conf.d:\n\n"
            "keys: { %s: { hash = ( \"%s\" ); }; };\n\n"
            "then reload (SIGHUP). More members: models, scopes, from, expires, enabled; see docs/configuration.md.\n",
            name, hash);
    return CLI_OK;
}
