/* test_oauth.c - forms that are posted, and what is read of answers. */
#include "../../aws/tests/small_host.h"
#include "../oauth.h"

#define NOW 1700000000

/* ---- asking ---- */

static void test_requests(void)
{
    struct small_host h = { .time_s = NOW };
    struct aigw_http_request http = { .struct_size = sizeof http };
    struct aigw_credential_step step = { .struct_size = sizeof step, .http = &http };
    struct oauth o = { &small_host, small_ctx(&h), &step };
    struct aigw_buf *form = oauth_form(&o, "urn:x:y");

    oauth_field(&o, form, "a", AIGW_STR("b c/\xc3\xa4&=~"));
    oauth_field(&o, form, "empty", AIGW_STR_NONE);
    small_expect_true("a form", oauth_post(&o, "https://h/token", form) == AIGW_OK);
    small_expect("its method", wire_str(http.method), "POST");
    small_expect("its URL", wire_str(http.url), "https://h/token");
    small_expect("its body", http.body, "grant_type=urn%3Ax%3Ay&a=b%20c%2F%C3%A4%26%3D~&empty=");
    small_expect("its header", wire_str(http.headers[0]), "Content-Type: application/x-www-form-urlencoded");
    small_expect_true("no memory", oauth_post(&o, "https://h/token", NULL) == AIGW_E_NOMEM);
    small_expect_true("JSON", oauth_post_json(&o, "https://h/x", AIGW_STR("t"), AIGW_STR("{}")) == AIGW_OK);
    small_expect_true("two headers", http.header_count == 2);
    small_expect("the token", wire_str(http.headers[1]), "Authorization: Bearer t");
    small_expect_true("no URL", oauth_get(&o, NULL, NULL, 0) == AIGW_E_NOMEM);
    small_free(&h);
}

/* ---- answers ---- */

static const struct {
    const char *body, *token; /* NULL: none */
    int64_t life_ms;
} answers[] = {
    { "{\"access_token\":\"t\",\"expires_in\":3599}", "t", 3599000 },
    { "{\"access_token\":\"t\",\"expires_in\":\"86399\",\"expires_on\":\"1\"}", "t", 86399000 },
    { "{\"access_token\":\"t\",\"expires_on\":1700000060}", "t", 60000 },
    { "{\"access_token\":\"t\",\"expires_on\":\"1700000060\"}", "t", 60000 },
    { "{\"access_token\":\"t\",\"expires_in\":\"soon\"}", "t", -7 },
    { "{\"access_token\":\"t\",\"expires_in\":-3}", "t", -7 },
    { "{\"access_token\":\"t\",\"expires_in\":99999999999999999999999}", "t", -7 },
    { "{\"access_token\":\"t\",\"expires_in\":\"99999999999999999999999\"}", "t", -7 },
    { "{\"access_token\":\"\\u0074\\u0021\"}", "t!", -7 },
    { "{\"access_token\":\"a\\nb\"}", NULL, -7 },
    { "{\"access_token\":\"\"}", NULL, -7 },
    { "{\"access_token\":1}", NULL, -7 },
    { "[]", NULL, -7 },
    { "<html>", NULL, -7 },
    { "", NULL, -7 },
};

static void test_answers(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct small_host h = { .time_s = NOW };
        struct aigw_credential_step step = { .struct_size = sizeof step, .body = wire_str(answers[i].body) };
        struct oauth o = { &small_host, small_ctx(&h), &step };
        aigw_str token;
        aigw_status status = oauth_token(&o, "access_token", &token);

        small_expect_true(answers[i].body, (status == AIGW_OK) == (answers[i].token != NULL));
        if (answers[i].token)
            small_expect(answers[i].body, token, answers[i].token);
        else
            small_expect(answers[i].body, wire_str(h.error), "the token server's answer has no \"access_token\"");
        small_expect_true(answers[i].body, oauth_life_ms(&o, -7) == answers[i].life_ms);
        small_free(&h);
    }
}

static const struct {
    const char *body, *code, *words;
} refusals[] = {
    { "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7: no\\r\\nTrace\"}", "invalid_client",
      "AADSTS7: no  Trace" },
    { "{\"error\":{\"code\":403,\"message\":\"Permission denied\",\"status\":\"PERMISSION_DENIED\"}}",
      "PERMISSION_DENIED", "Permission denied" },
    { "{\"error\":\"x\"}", "x", "" },
    { "{\"error\":7,\"error_description\":[]}", "", "" },
    { "not found", "", "" },
    { "", "", "" },
};

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct small_host h = { .time_s = NOW };
        struct aigw_credential_step step = { .struct_size = sizeof step,
                                             .status = 400,
                                             .body = wire_str(refusals[i].body) };
        struct oauth o = { &small_host, small_ctx(&h), &step };
        aigw_str code, words;

        oauth_refusal(&o, &code, &words);
        small_expect(refusals[i].body, code, refusals[i].code);
        small_expect(refusals[i].body, words, refusals[i].words);
        small_expect_true("400 is no good status", !oauth_is_good(&o));
        small_free(&h);
    }
}

int main(void)
{
    test_requests();
    test_answers();
    test_refusals();
    return small_result();
}
