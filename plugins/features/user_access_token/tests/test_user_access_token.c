/* test_user_access_token.c - one request at a time against a small host: who asks, what is signed, what is answered. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <aigw/sdk.h>
#include <json-c/json.h>

const struct aigw_plugin *aigw_plugin_entry(void);

#define NOW_S   INT64_C(1770949696)
#define HEADERS 6

/** The core, as far as this plugin sees it. Its address is the ctx. */
static struct stand_in {
    struct aigw_principal principal;
    const char *scopes; /* separated by blanks */
    const char *names[HEADERS], *values[HEADERS];
    aigw_status sign_status;
    char *texts[8]; /* made by format(); freed by done() */
    size_t text_count;
    uint32_t status; /* answered */
    char body[4096];
    struct json_object *claims; /* signed */
    int logged;
} core;

static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    (void)ctx;
    (void)life;
    va_start(args, fmt);
    ck_assert_int_ge(vasprintf(&text, fmt, args), 0);
    va_end(args);
    core.texts[core.text_count++] = text;
    return text;
}

/** One is enough: the claims. */
static struct aigw_buf {
    char text[4096];
    size_t len;
} claims_buf;

static struct aigw_buf *host_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    (void)ctx;
    (void)life;
    (void)max_len;
    claims_buf.len = 0;
    return &claims_buf;
}

static void host_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    ck_assert_uint_lt(buf->len + len, sizeof buf->text);
    memcpy(buf->text + buf->len, bytes, len);
    buf->len += len;
    buf->text[buf->len] = '\0';
}

static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    host_buf_put(buf, text, strlen(text));
}

static void host_buf_json(struct aigw_buf *buf, aigw_str text)
{
    struct json_object *string = json_object_new_string_len(text.len ? text.ptr : "", (int)text.len);
    const char *json = json_object_to_json_string_ext(string, JSON_C_TO_STRING_PLAIN);

    host_buf_put(buf, json, strlen(json));
    json_object_put(string);
}

static aigw_status host_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->text, buf->len };
    return AIGW_OK;
}

static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    (void)ctx;
    (void)level;
    (void)fmt;
    core.logged++;
}

static aigw_str str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

static aigw_str host_header(struct aigw_ctx *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < HEADERS; i++) {
        if (core.names[i] && strcasecmp(core.names[i], name) == 0)
            return str(core.values[i]);
    }
    return AIGW_STR_NONE;
}

static const struct aigw_principal *host_principal(struct aigw_ctx *ctx)
{
    (void)ctx;
    return &core.principal;
}

static int32_t host_has_scope(struct aigw_ctx *ctx, const char *scope, uint32_t flags)
{
    const char *at = strstr(core.scopes, scope);

    (void)ctx;
    ck_assert_uint_eq(flags, AIGW_SCOPEF_NO_USER_TOKEN);
    if (core.principal.flags & AIGW_PRINCIPALF_BYPASS)
        return 1;
    if (core.principal.flags & AIGW_PRINCIPALF_USER_TOKEN)
        return 0;
    return at != NULL;
}

static aigw_str host_setting(struct aigw_ctx *ctx, const char *path)
{
    (void)ctx;
    ck_assert_str_eq(path, "auth.service_name");
    return AIGW_STR("gitlab-ai-gateway");
}

static int64_t host_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return NOW_S;
}

static aigw_status host_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                                const struct aigw_pair *headers, uint32_t header_count)
{
    (void)ctx;
    (void)headers;
    ck_assert_ptr_null(content_type);
    ck_assert_uint_eq(header_count, 0);
    ck_assert_uint_eq(core.status, 0);
    core.status = http_status;
    (void)snprintf(core.body, sizeof core.body, "%.*s", AIGW_STR_ARG(body));
    return AIGW_OK;
}

static aigw_status host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
    AIGW_PRINTF(3, 4);
static aigw_status host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
{
    va_list args;

    (void)ctx;
    ck_assert_uint_eq(core.status, 0);
    core.status = http_status;
    va_start(args, fmt);
    (void)vsnprintf(core.body, sizeof core.body, fmt, args);
    va_end(args);
    return AIGW_OK;
}

static const char *host_last_error(struct aigw_ctx *ctx)
{
    (void)ctx;
    return "no key";
}

static aigw_status host_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token)
{
    (void)ctx;
    if (core.sign_status != AIGW_OK)
        return core.sign_status;
    ck_assert_ptr_null(core.claims);
    core.claims = json_tokener_parse(claims.ptr);
    ck_assert_ptr_nonnull(core.claims);
    *ret_token = AIGW_STR("head.body.signature");
    return AIGW_OK;
}

static const struct aigw_host host = {
    .struct_size = sizeof host,
    .format = host_format,
    .buf_new = host_buf_new,
    .buf_put = host_buf_put,
    .buf_printf = host_buf_printf,
    .buf_json = host_buf_json,
    .buf_view = host_buf_view,
    .log = host_log,
    .header = host_header,
    .principal = host_principal,
    .has_scope = host_has_scope,
    .setting = host_setting,
    .time_s = host_time_s,
    .respond = host_respond,
    .respond_detail = host_respond_detail,
    .last_error = host_last_error,
    .sign_token = host_sign_token,
};

/** A GitLab instance with one right and all headers. */
static void setup(void)
{
    memset(&core, 0, sizeof core);
    core.scopes = "complete_code duo_chat";
    core.principal = (struct aigw_principal){ .struct_size = sizeof core.principal,
                                              .issuer = AIGW_STR_INIT("https://gitlab.example.com"),
                                              .subject = AIGW_STR_INIT("instance-1"),
                                              .realm = AIGW_STR_INIT("self-managed"),
                                              .instance_id = AIGW_STR_INIT("instance-1") };
    core.names[0] = "X-Gitlab-Global-User-Id";
    core.values[0] = "user-1";
}

static void teardown(void)
{
    json_object_put(core.claims);
    for (size_t i = 0; i < core.text_count; i++)
        free(core.texts[i]);
}

static void send_request(void)
{
    const struct aigw_plugin *plugin = aigw_plugin_entry();
    struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)&core;
    struct aigw_request request = { .struct_size = sizeof request, .route = plugin->feature->routes };
    void *state = calloc(1, plugin->state_size);

    ck_assert_int_eq(plugin->feature->open(&host, ctx, state), AIGW_OK);
    ck_assert_int_eq(plugin->feature->run(ctx, state, NULL, &request), AIGW_OK);
    free(state);
}

/** A signed claim as JSON text, "" when absent. */
static const char *claim(const char *name)
{
    struct json_object *value;

    if (!json_object_object_get_ex(core.claims, name, &value))
        return "";
    return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : "null";
}

START_TEST(a_token_is_answered_with_its_expiry)
{
    send_request();
    ck_assert_uint_eq(core.status, 200);
    ck_assert_str_eq(core.body, "{\"token\":\"head.body.signature\",\"expires_at\":1770953296}");
    ck_assert_str_eq(claim("iss"), "\"gitlab-ai-gateway\"");
    ck_assert_str_eq(claim("aud"), "\"gitlab-ai-gateway\"");
    ck_assert_str_eq(claim("sub"), "\"user-1\"");
    ck_assert_str_eq(claim("exp"), "1770953296");
    ck_assert_str_eq(claim("nbf"), "1770949696");
    ck_assert_str_eq(claim("iat"), "1770949696");
    ck_assert_str_eq(claim("gitlab_realm"), "\"self-managed\"");
    ck_assert_str_eq(claim("gitlab_instance_id"), "\"instance-1\"");
    ck_assert_str_eq(claim("scopes"), "[\"complete_code\"]");
    ck_assert_str_eq(claim("duo_seat_count"), "");
    ck_assert_str_eq(claim("gitlab_project_id"), "");
    ck_assert_int_eq(json_object_object_length(core.claims), 11); /* and jti, gitlab_instance_uid: nothing else */
}
END_TEST

START_TEST(ids_are_version_4_uuids_and_differ)
{
    char first[64];

    send_request();
    (void)snprintf(first, sizeof first, "%s", claim("jti"));
    ck_assert_uint_eq(strlen(first), 38);
    ck_assert_int_eq(first[15], '4');
    ck_assert_ptr_nonnull(strchr("89ab", first[20]));
    ck_assert(first[9] == '-' && first[14] == '-' && first[19] == '-' && first[24] == '-');
    json_object_put(core.claims);
    core.claims = NULL;
    core.status = 0;
    send_request();
    ck_assert_str_ne(first, claim("jti"));
}
END_TEST

static const struct {
    const char *id, *scopes;
    uint32_t flags;
    const char *granted; /* NULL: refused */
} scope_rows[] = {
    { "C-TOK-001", "complete_code", 0, "[\"complete_code\"]" },
    { "C-TOK-002", "ai_gateway_model_provider_proxy complete_code", 0,
      "[\"complete_code\",\"ai_gateway_model_provider_proxy\"]" },
    { "proxy alone", "ai_gateway_model_provider_proxy", 0, "[\"ai_gateway_model_provider_proxy\"]" },
    { "C-TOK-003", "duo_chat", 0, NULL },
    { "A-NEG-49", "", 0, NULL },
    { "C-TOK-004", "complete_code", AIGW_PRINCIPALF_USER_TOKEN, NULL },
    { "bypass", "", AIGW_PRINCIPALF_BYPASS, "[\"complete_code\",\"ai_gateway_model_provider_proxy\"]" },
};

START_TEST(scopes_decide)
{
    core.scopes = scope_rows[_i].scopes;
    core.principal.flags = scope_rows[_i].flags;
    send_request();
    if (scope_rows[_i].granted) {
        ck_assert_uint_eq(core.status, 200);
        ck_assert_str_eq(claim("scopes"), scope_rows[_i].granted);
    } else {
        ck_assert_uint_eq(core.status, 403);
        ck_assert_str_eq(core.body, "Unauthorized to create user access token");
        ck_assert_ptr_null(core.claims);
    }
}
END_TEST

START_TEST(bypass_mints_with_empty_realm_and_instance)
{
    core.principal = (struct aigw_principal){ .struct_size = sizeof core.principal, .flags = AIGW_PRINCIPALF_BYPASS };
    send_request();
    ck_assert_uint_eq(core.status, 200);
    ck_assert_str_eq(claim("gitlab_realm"), "\"\"");
    ck_assert_str_eq(claim("gitlab_instance_id"), "\"\"");
}
END_TEST

static const char *const missing_users[] = { NULL, "" };

START_TEST(a_missing_user_is_named) /* A-NEG-65 */
{
    core.values[0] = missing_users[_i];
    send_request();
    ck_assert_uint_eq(core.status, 400);
    ck_assert_str_eq(core.body, "Missing X-Gitlab-Global-User-Id header");
    ck_assert_ptr_null(core.claims);
}
END_TEST

START_TEST(the_right_comes_before_the_user)
{
    core.scopes = "";
    core.values[0] = NULL;
    send_request();
    ck_assert_uint_eq(core.status, 403);
}
END_TEST

START_TEST(a_key_that_cannot_sign_is_a_500) /* C-TOK-005 */
{
    core.sign_status = AIGW_E_CONFIG;
    send_request();
    ck_assert_uint_eq(core.status, 500);
    ck_assert_str_eq(core.body, "Failed to generate JWT");
    ck_assert_int_eq(core.logged, 1);
}
END_TEST

static const struct {
    const char *id, *seats, *expected;
} seat_rows[] = { { "none", NULL, "" }, { "empty", "", "" }, { "blank", " \t", "" }, { "number", "42", "\"42\"" } };

START_TEST(seats_are_copied_when_not_blank)
{
    core.principal.seat_count = str(seat_rows[_i].seats);
    send_request();
    ck_assert_str_eq(claim("duo_seat_count"), seat_rows[_i].expected);
}
END_TEST

START_TEST(other_claims_are_copied_and_never_override)
{
    core.principal.instance_uid = AIGW_STR("uid-1");
    core.principal.extra_claims =
        AIGW_STR("{\"skip_usage_cutoff\":true,\"tool_access_policies\":{\"a\":1},\"gitlab_project_id\":7,"
                 "\"iss\":\"evil\",\"sub\":\"evil\",\"exp\":9999999999,\"scopes\":[\"all\"],\"aud\":\"evil\","
                 "\"gitlab_instance_uid\":\"evil\",\"gitlab_realm\":\"evil\",\"jti\":\"evil\"}");
    send_request();
    ck_assert_str_eq(claim("skip_usage_cutoff"), "true");
    ck_assert_str_eq(claim("tool_access_policies"), "{\"a\":1}");
    ck_assert_str_eq(claim("gitlab_project_id"), "7");
    ck_assert_str_eq(claim("gitlab_instance_uid"), "\"uid-1\"");
    ck_assert_ptr_null(strstr(json_object_to_json_string(core.claims), "evil"));
    ck_assert_str_eq(claim("scopes"), "[\"complete_code\"]");
    ck_assert_str_eq(claim("exp"), "1770953296");
}
END_TEST

static const char *const odd_extras[] = { "[]", "7", "{", "null", "" };

START_TEST(odd_extra_claims_are_left_out)
{
    core.principal.extra_claims = str(odd_extras[_i]);
    send_request();
    ck_assert_uint_eq(core.status, 200);
    ck_assert_int_eq(json_object_object_length(core.claims), 11);
}
END_TEST

START_TEST(saas_adds_ids_from_the_headers_or_null)
{
    core.principal.realm = AIGW_STR("saas");
    core.principal.extra_claims = AIGW_STR("{\"gitlab_project_id\":99}");
    core.names[1] = "X-Gitlab-Project-Id";
    core.values[1] = "5";
    send_request();
    ck_assert_str_eq(claim("gitlab_project_id"), "\"5\"");
    ck_assert_str_eq(claim("gitlab_namespace_id"), "null");
    ck_assert_str_eq(claim("gitlab_root_namespace_id"), "null");
    ck_assert_str_eq(claim("gitlab_instance_uid"), "");
}
END_TEST

static const struct {
    const char *claim, *header, *expected;
} root_rows[] = {
    { "17", "5", "17" },       { "\"17\"", "5", "17" }, { "0", "5", "5" },
    { "-3", "5", "5" },        { "true", "5", "5" },    { "1.5", "5", "5" },
    { "\"+17\"", "5", "5" },   { "\" 17\"", "5", "5" }, { "\"\"", "5", "5" },
    { "null", "5", "5" },      { "null", "0", "null" }, { "null", "-1", "null" },
    { "null", "1.0", "null" }, { "null", "x", "null" }, { "null", "", "null" },
    { "null", NULL, "null" },  { "\"0\"", "007", "7" }, { "null", "99999999999999999999", "null" },
};

START_TEST(the_root_namespace_is_a_positive_integer_or_null)
{
    char extra[64];

    (void)snprintf(extra, sizeof extra, "{\"gitlab_root_namespace_id\":%s}", root_rows[_i].claim);
    core.principal.realm = AIGW_STR("saas");
    core.principal.extra_claims = str(extra);
    core.names[1] = "X-Gitlab-Root-Namespace-Id";
    core.values[1] = root_rows[_i].header;
    send_request();
    ck_assert_str_eq(claim("gitlab_root_namespace_id"), root_rows[_i].expected);
}
END_TEST

START_TEST(the_route_needs_no_body)
{
    const struct aigw_feature_ops *ops = aigw_plugin_entry()->feature;

    ck_assert_uint_eq(ops->route_count, 1);
    ck_assert_str_eq(ops->routes[0].method, "POST");
    ck_assert_str_eq(ops->routes[0].path, "/v1/code/user_access_token");
    ck_assert_uint_eq(ops->routes[0].flags, AIGW_ROUTEF_NO_BODY);
    ck_assert_ptr_null(ops->routes[0].scope);
}
END_TEST

#define ROWS(a) (int)(sizeof(a) / sizeof *(a))

int main(void)
{
    Suite *suite = suite_create("user_access_token");
    TCase *tcase = tcase_create("requests");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_token_is_answered_with_its_expiry);
    tcase_add_test(tcase, ids_are_version_4_uuids_and_differ);
    tcase_add_loop_test(tcase, scopes_decide, 0, ROWS(scope_rows));
    tcase_add_test(tcase, bypass_mints_with_empty_realm_and_instance);
    tcase_add_loop_test(tcase, a_missing_user_is_named, 0, ROWS(missing_users));
    tcase_add_test(tcase, the_right_comes_before_the_user);
    tcase_add_test(tcase, a_key_that_cannot_sign_is_a_500);
    tcase_add_loop_test(tcase, seats_are_copied_when_not_blank, 0, ROWS(seat_rows));
    tcase_add_test(tcase, other_claims_are_copied_and_never_override);
    tcase_add_loop_test(tcase, odd_extra_claims_are_left_out, 0, ROWS(odd_extras));
    tcase_add_test(tcase, saas_adds_ids_from_the_headers_or_null);
    tcase_add_loop_test(tcase, the_root_namespace_is_a_positive_integer_or_null, 0, ROWS(root_rows));
    tcase_add_test(tcase, the_route_needs_no_body);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
