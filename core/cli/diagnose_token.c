/* diagnose_token.c - `aigw diagnose-token [FILE]`: why a token is refused, without showing it. The keys are fetched as
 * the gateway fetches them. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "auth/auth.h"
#include "auth/oidc.h"
#include "base/log.h"
#include "cli/gateway.h"

#define INPUT_MAX ((size_t)64 << 10)

/** All of the file, or of standard input. False after saying why not. */
static bool read_token(const char *path, struct gw_buf *ret_text)
{
    bool is_stdin = !path || strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    char chunk[4096];
    bool is_good;
    size_t got;

    if (!file) {
        fprintf(stderr, "aigw: diagnose-token: %s cannot be opened: %s\n", path, strerror(errno));
        return false;
    }
    while (ret_text->status == AIGW_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        gw_buf_put(ret_text, chunk, got);
    explicit_bzero(chunk, sizeof chunk);
    is_good = !ferror(file) && ret_text->status == AIGW_OK;
    if (!is_good)
        fprintf(stderr, "aigw: diagnose-token: %s cannot be read: %s\n", is_stdin ? "standard input" : path,
                ferror(file) ? strerror(errno) : "it has more than 64 KiB");
    if (!is_stdin)
        fclose(file);
    return is_good;
}

/** Without what comes along when a header or a quoted text was copied. */
static aigw_str token_of(aigw_str text)
{
    static const char *const before[] = { "authorization:", "bearer " };

    text = gw_str_trim(text);
    for (size_t i = 0; i < GW_ARRAY_LEN(before); i++) {
        size_t len = strlen(before[i]);

        if (text.len > len && strncasecmp(text.ptr, before[i], len) == 0)
            text = gw_str_trim((aigw_str){ text.ptr + len, text.len - len });
    }
    if (text.len > 1 && (*text.ptr == '"' || *text.ptr == '\'') && text.ptr[text.len - 1] == *text.ptr)
        text = (aigw_str){ text.ptr + 1, text.len - 2 };
    return text;
}

static int diagnose(const struct gw_settings *settings, const struct gw_oidc *oidc, aigw_str token)
{
    struct gw_err why = { "" };
    struct gw_auth *auth = cli_auth_new(settings, oidc, &why);
    struct gw_buf report, masked;
    bool is_good;

    if (!auth) {
        fprintf(stderr, "aigw: diagnose-token: %s\n", why.text);
        return CLI_FAILED;
    }
    gw_buf_init(&report, 256u << 10);
    gw_buf_init(&masked, 512u << 10);
    is_good = gw_auth_diagnose(auth, oidc, token, &report);
    gw_log_mask(&masked, gw_buf_str(&report));
    printf("%.*s", AIGW_STR_ARG(gw_buf_str(&masked)));
    gw_buf_done(&masked);
    gw_buf_done(&report);
    gw_auth_free(auth);
    return is_good ? CLI_OK : CLI_FAILED;
}

int cli_diagnose_token(const struct cli_options *options)
{
    struct gw_settings settings;
    const struct gw_oidc *oidc;
    const struct gw_node *conf;
    struct gw_problems problems;
    struct gw_arena arena;
    struct gw_buf text;
    int result = CLI_FAILED;

    gw_buf_init(&text, INPUT_MAX);
    gw_arena_init(&arena, (size_t)64 << 20);
    gw_problems_init(&problems, &arena);
    cli_quiet_log();
    if (read_token(options->word_count ? options->words[0] : NULL, &text)) {
        conf = cli_settings_load(options, &arena, &settings, &problems);
        oidc = gw_oidc_build(&arena, conf, &problems);
        if (problems.error_count)
            cli_print_problems(&problems, stderr);
        else
            result = diagnose(&settings, oidc, token_of(gw_buf_str(&text)));
    }
    gw_log_stop();
    if (text.data)
        explicit_bzero(text.data, text.cap);
    gw_buf_done(&text);
    gw_arena_done(&arena);
    return result;
}
