/* caller.c - who asks a feature: scopes, feature flags, the principal. */
#include "internal.h"

#include <string.h>

void aigw_testhost_scopes(struct aigw_testhost *th, const char *scopes)
{
    th->scopes = testhost_keep(th, scopes);
}

void aigw_testhost_flags(struct aigw_testhost *th, const char *flags)
{
    th->flags = testhost_keep(th, flags);
}

void aigw_testhost_verbose(struct aigw_testhost *th, int is_verbose)
{
    th->is_verbose = is_verbose;
    testhost_reconfigure(th);
}

const aigw_str *testhost_words(struct gw_arena *arena, const char *words, uint32_t *ret_count)
{
    aigw_str *list = gw_arena_calloc(arena, 64 * sizeof *list);
    uint32_t count = 0;

    while (list && words && *words && count < 64) {
        size_t len = strcspn(words, " ");

        if (len > 0)
            list[count++] = (aigw_str){ words, len };
        words += len + strspn(words + len, " ");
    }
    *ret_count = count;
    return list;
}

/* What may be said of the caller, and what is so unless it is said. */
static const struct {
    const char *name;
    size_t offset;
    const char *otherwise;
} claims[] = {
    { "issuer", offsetof(struct aigw_principal, issuer), "https://gitlab.example" },
    { "subject", offsetof(struct aigw_principal, subject), "test-subject" },
    { "realm", offsetof(struct aigw_principal, realm), "self-managed" },
    { "instance_id", offsetof(struct aigw_principal, instance_id), "test-instance" },
    { "instance_uid", offsetof(struct aigw_principal, instance_uid), NULL },
    { "global_user_id", offsetof(struct aigw_principal, global_user_id), "test-user" },
    { "seat_count", offsetof(struct aigw_principal, seat_count), NULL },
    { "extra_claims", offsetof(struct aigw_principal, extra_claims), NULL },
};
static const struct {
    const char *name;
    uint32_t flag;
} tokens[] = {
    { "gitlab", 0 },
    { "user", AIGW_PRINCIPALF_USER_TOKEN },
    { "bypass", AIGW_PRINCIPALF_BYPASS },
    { "anonymous", AIGW_PRINCIPALF_ANONYMOUS },
    { "none", 0 },
};

static bool is_claim(aigw_str line)
{
    const char *equals = line.len > 0 ? memchr(line.ptr, '=', line.len) : NULL;
    aigw_str name = { line.ptr, equals ? (size_t)(equals - line.ptr) : 0 };
    aigw_str value = { equals ? equals + 1 : NULL, equals ? line.len - name.len - 1 : 0 };

    for (size_t i = 0; i < GW_ARRAY_LEN(claims); i++)
        if (gw_str_is(name, claims[i].name))
            return true;
    for (size_t i = 0; i < GW_ARRAY_LEN(tokens); i++)
        if (gw_str_is(name, "token") && gw_str_is(value, tokens[i].name))
            return true;
    return line.len == 0;
}

aigw_status aigw_testhost_caller(struct aigw_testhost *th, const char *lines)
{
    aigw_str rest = gw_str(lines);

    while (rest.len > 0)
        if (!is_claim(testhost_next_line(&rest)))
            return AIGW_E_INVALID;
    th->caller = testhost_keep(th, lines);
    return AIGW_OK;
}

static uint32_t principal_flags(const struct aigw_testhost *th, aigw_str token)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(tokens); i++)
        if (gw_str_is(token, tokens[i].name))
            return tokens[i].flag;
    return strcmp(th->scopes, "*") == 0 ? AIGW_PRINCIPALF_BYPASS : 0;
}

bool testhost_fill_principal(struct aigw_testhost *th, struct gw_arena *arena, struct aigw_principal *principal)
{
    aigw_str token = testhost_line_value(th->caller, "token", '=');

    *principal = (struct aigw_principal){ .struct_size = sizeof *principal, .flags = principal_flags(th, token) };
    for (size_t i = 0; i < GW_ARRAY_LEN(claims); i++) {
        aigw_str value = testhost_line_value(th->caller, claims[i].name, '=');

        if (!value.ptr)
            value = gw_str(claims[i].otherwise);
        memcpy((char *)principal + claims[i].offset, &value, sizeof value);
    }
    principal->scopes = testhost_words(arena, th->scopes, &principal->scope_count);
    return !gw_str_is(token, "none");
}
