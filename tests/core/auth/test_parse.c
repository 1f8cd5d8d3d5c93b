/* test_parse.c - what reads hostile bytes: base64url, key sets, discovery documents, max-age. */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "kit.h"

static const struct {
    const char *id, *text;
    bool ok;
    const char *bytes;
} base64_rows[] = {
    { "empty", "", true, "" },
    { "one byte", "QQ", true, "A" },
    { "two bytes", "QUI", true, "AB" },
    { "three bytes", "QUJD", true, "ABC" },
    { "url alphabet", "Pz8_", true, "???" },
    { "padding", "QQ==", false, "" },
    { "standard +", "ab+d", false, "" },
    { "standard /", "ab/d", false, "" },
    { "blank", "QU I", false, "" },
    { "newline", "QUI\n", false, "" },
    { "length 1", "Q", false, "" },
    { "length 5", "QUJDQ", false, "" },
    { "left-over bits", "QR", false, "" },
    { "left-over bits of three", "QUJ", false, "" },
};

static void check_base64url_is_strict(size_t i)
{
    unsigned char out[16];
    size_t len = 99;
    aigw_status status = gw_base64url_decode(gw_str(base64_rows[i].text), out, sizeof out, &len);

    ck_assert_msg((status == AIGW_OK) == base64_rows[i].ok, "%s", base64_rows[i].id);
    if (status == AIGW_OK) {
        ck_assert_uint_eq(len, strlen(base64_rows[i].bytes));
        ck_assert_mem_eq(out, base64_rows[i].bytes, len);
    } else {
        ck_assert_uint_eq(len, 99);
    }
}

START_TEST(base64url_is_strict)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(base64_rows); i++)
        check_base64url_is_strict(i);
}
END_TEST

START_TEST(base64url_never_writes_past_its_room)
{
    unsigned char out[3];
    size_t len;

    ck_assert_int_eq(gw_base64url_decode(gw_str("QUJDRA"), out, 3, &len), AIGW_E_LIMIT);
    ck_assert_int_eq(gw_base64url_decode(gw_str("QUJD"), out, 3, &len), AIGW_OK);
}
END_TEST

START_TEST(base64url_round_trip)
{
    unsigned char bytes[64], back[64];
    size_t len;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct gw_buf text;

        gw_buf_init(&text, 256);
        gw_base64url_put(&text, bytes, n);
        ck_assert_int_eq(gw_base64url_decode(gw_buf_str(&text), back, sizeof back, &len), AIGW_OK);
        ck_assert_uint_eq(len, n);
        if (n)
            ck_assert_mem_eq(back, bytes, n);
        gw_buf_done(&text);
    }
}
END_TEST

static const struct {
    const char *id, *text;
    bool ok;
} json_rows[] = {
    { "object", "{\"a\":1}", true },
    { "blank after", "{\"a\":1} ", true },
    { "accents", "{\"name\":\"Zoë\",\"rôle\":\"développeur\"}", true },
    { "a name twice", "{\"a\":1,\"a\":2}", true },
    { "comment", "{/**/\"a\":1}", false },
    { "single quotes", "{'a':1}", false },
    { "not a number", "{\"a\":NaN}", false },
    { "line end in text", "{\"a\":\"\n\"}", false },
    { "list", "[]", false },
    { "text", "\"a\"", false },
    { "number", "1", false },
    { "null", "null", false },
    { "empty", "", false },
    { "cut", "{\"a\":", false },
    { "garbage after", "{\"a\":1}x", false },
    { "two objects", "{}{}", false },
    { "trailing comma", "{\"a\":1,}", false },
    { "bad utf-8", "{\"a\":\"\xff\"}", false },
    { "html", "<html><body>Sign in</body></html>", false },
    { "depth 17",
      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
      "{\"a\":{\"a\":1}}}}}}}}}}}}}}}}}",
      false },
};

static void check_only_one_whole_object_is_json(size_t i)
{
    struct gw_err why = { "" };
    struct json_object *obj = gw_json_object(gw_str(json_rows[i].text), &why);

    ck_assert_msg((obj != NULL) == json_rows[i].ok, "%s", json_rows[i].id);
    ck_assert_msg(obj || why.text[0], "%s", json_rows[i].id);
    json_object_put(obj);
}

START_TEST(only_one_whole_object_is_json)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(json_rows); i++)
        check_only_one_whole_object_is_json(i);
}
END_TEST

START_TEST(a_nul_byte_does_not_end_json_quietly)
{
    struct gw_err why;
    const char text[] = "{\"a\":1}\0{\"b\":2}";

    ck_assert_ptr_null(gw_json_object((aigw_str){ text, sizeof text - 1 }, &why));
}
END_TEST

/* ---- key sets ----------------------------------------------------------------------------------------------- */

/** Parse; answers the number of keys, -1 for failure. */
static int parse_set(const char *text, struct gw_keyset **ret_set)
{
    struct gw_err why = { "" };

    *ret_set = NULL;
    if (gw_jwks_parse(gw_str(text), true, ret_set, &why) != AIGW_OK) {
        ck_assert(why.text[0] != '\0');
        return -1;
    }
    return (int)(*ret_set)->count;
}

#define EC_KEY \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":" \
    "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"

static const struct {
    const char *id, *before; /* entries before the good key */
    int which;               /* the last entry */
    const char *more;
    int expected;
} set_rows[] = {
    { "plain", "", KEY_PROVIDER, "", 1 },
    { "EC first (A-NEG-63)", EC_KEY ",", KEY_PROVIDER, ",\"use\":\"sig\",\"alg\":\"RS256\"", 1 },
    { "oct", "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"},", KEY_PROVIDER, "", 1 },
    { "entries of wrong types", "null,1,\"x\",[],{},true,", KEY_PROVIDER, "", 1 },
    { "no n", "{\"kty\":\"RSA\",\"e\":\"AQAB\"},", KEY_PROVIDER, "", 1 },
    { "512 bits",
      "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"
      "\"wKpRyfVxKkkH8l8nq_k7Z1iI0dLR8FxUSx8Y2zS4NwN1fFJtMNZtjYcyxk5YbDqKQ1vI5J0kV2oPPpJq5b6y0w\"},",
      KEY_PROVIDER, "", 1 },
    { "1024 bits alone", "", KEY_SMALL, "", -1 },
    { "use enc", "", KEY_PROVIDER, ",\"use\":\"enc\"", -1 },
    { "use sig", "", KEY_PROVIDER, ",\"use\":\"sig\"", 1 },
    { "use null", "", KEY_PROVIDER, ",\"use\":null", -1 },
    { "alg RS512", "", KEY_PROVIDER, ",\"alg\":\"RS512\"", -1 },
    { "alg HS256", "", KEY_PROVIDER, ",\"alg\":\"HS256\"", -1 },
    { "private members are ignored", "", KEY_PROVIDER, ",\"d\":\"AQAB\",\"p\":\"AQAB\"", 1 },
    { "accents", "{\"kty\":\"RSA\",\"note\":\"clé périmée\"},", KEY_PROVIDER, ",\"propriétaire\":\"Zoë 😀\"", 1 },
    { "a member twice", "", KEY_PROVIDER, ",\"use\":\"enc\",\"use\":\"sig\"", 1 },
    { "unknown members", "", KEY_PROVIDER, ",\"x5c\":[\"MIIB\"],\"x5u\":\"http://127.0.0.1:9/\"", 1 },
};

static void check_one_odd_key_never_spoils_the_others(size_t i)
{
    struct gw_keyset *set;
    struct gw_buf text;

    gw_buf_init(&text, 65536);
    gw_buf_printf(&text, "{\"keys\":[%s", set_rows[i].before);
    kit_put_jwk(&text, set_rows[i].which, "k1", set_rows[i].more);
    gw_buf_puts(&text, "]}");
    ck_assert_msg(parse_set(text.data, &set) == set_rows[i].expected, "%s", set_rows[i].id);
    gw_keyset_unref(set);
    gw_buf_done(&text);
}

START_TEST(one_odd_key_never_spoils_the_others)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(set_rows); i++)
        check_one_odd_key_never_spoils_the_others(i);
}
END_TEST

static const char *const bad_exponents[] = { "", "AA", "AQ", "Ag", "AAAB", "BA", "AQAAAAAAAAAB", "====" };

static void check_odd_exponents_are_refused(size_t i)
{
    struct gw_keyset *set;
    struct gw_buf jwk, text;
    char *e;

    gw_buf_init(&jwk, 4096);
    gw_buf_init(&text, 8192);
    kit_put_jwk(&jwk, KEY_PROVIDER, "k1", "");
    e = strstr(jwk.data, "\"e\":\"AQAB\"");
    ck_assert_ptr_nonnull(e);
    gw_buf_puts(&text, "{\"keys\":[");
    gw_buf_put(&text, jwk.data, (size_t)(e - jwk.data));
    gw_buf_printf(&text, "\"e\":\"%s\"%s]}", bad_exponents[i], e + strlen("\"e\":\"AQAB\""));
    ck_assert_msg(parse_set(text.data, &set) == -1, "%s", bad_exponents[i]);
    gw_buf_done(&jwk);
    gw_buf_done(&text);
}

START_TEST(odd_exponents_are_refused)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(bad_exponents); i++)
        check_odd_exponents_are_refused(i);
}
END_TEST

START_TEST(a_key_without_kid_and_one_with_an_endless_kid_serve)
{
    struct gw_keyset *set;
    struct gw_buf text;
    char kid[400];

    memset(kid, 'k', sizeof kid - 1);
    kid[sizeof kid - 1] = '\0';
    gw_buf_init(&text, 65536);
    gw_buf_puts(&text, "{\"keys\":[");
    kit_put_jwk(&text, KEY_PROVIDER, NULL, "");
    gw_buf_puts(&text, ",");
    kit_put_jwk(&text, KEY_SPARE, kid, "");
    gw_buf_puts(&text, "]}");
    ck_assert_int_eq(parse_set(text.data, &set), 2);
    ck_assert_ptr_null(set->keys[0].kid.ptr);
    ck_assert_ptr_null(set->keys[1].kid.ptr);
    gw_keyset_unref(set);
    gw_buf_done(&text);
}
END_TEST

START_TEST(ten_thousand_keys_are_cut_at_a_hundred)
{
    struct gw_keyset *set;
    struct gw_buf text, jwk;

    gw_buf_init(&text, 16 << 20);
    gw_buf_init(&jwk, 4096);
    kit_put_jwk(&jwk, KEY_PROVIDER, NULL, "");
    gw_buf_puts(&text, "{\"keys\":[");
    for (int i = 0; i < 2000; i++) {
        gw_buf_puts(&text, i ? "," : "");
        gw_buf_put(&text, jwk.data, jwk.len);
    }
    gw_buf_puts(&text, "]}");
    ck_assert_uint_lt(text.len, GW_KEYS_BODY_MAX);
    ck_assert_int_eq(parse_set(text.data, &set), (int)GW_KEYS_MAX);
    gw_keyset_unref(set);
    for (int i = 2000; i < 10000; i++) {
        gw_buf_puts(&text, ",");
        gw_buf_put(&text, jwk.data, jwk.len);
    }
    ck_assert_int_eq(parse_set(text.data, &set), -1);
    gw_buf_done(&text);
    gw_buf_done(&jwk);
}
END_TEST

static const char *const broken_sets[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"keys\":{}}",
    "{\"keys\":null}",
    "{\"keys\":[]}",
    "{\"keys\":[{\"kty\":\"RSA\"}]}",
    "<html></html>",
    "{\"keys\":[" EC_KEY "]}",
};

static void check_a_broken_set_says_why(size_t i)
{
    struct gw_keyset *set;

    ck_assert_int_eq(parse_set(broken_sets[i], &set), -1);
}

START_TEST(a_broken_set_says_why)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(broken_sets); i++)
        check_a_broken_set_says_why(i);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
} discovery_rows[] = {
    { "{\"jwks_uri\":\"https://h/oauth/discovery/keys\",\"issuer\":\"https://h\"}", true },
    { "{\"jwks_uri\":\"http://h/k\"}", true },
    { "\xef\xbb\xbf{\"jwks_uri\":\"http://h/k\"}", true },
    { "\xef\xbb\xbf\xef\xbb\xbf{\"jwks_uri\":\"http://h/k\"}", false },
    { "\xef\xbb\xbf", false },
    { "{\"jwks_uri\":\"HTTPS://h/k\"}", true },
    { "{\"jwks_uri\":\"Http://h/k\"}", true },
    { "{\"jwks_uri\":\"httpss://h/k\"}", false },
    { "{\"jwks_uri\":\"https://\"}", false },
    { "{\"jwks_uri\":\"http://h/k\",\"issuer\":7}", true },
    { "{\"jwks_uri\":\"file:///etc/passwd\"}", false },
    { "{\"jwks_uri\":\"ftp://h/k\"}", false },
    { "{\"jwks_uri\":\"//h/k\"}", false },
    { "{\"jwks_uri\":\"http://h/k\\r\\nX: y\"}", false },
    { "{\"jwks_uri\":\"http://h/a b\"}", false },
    { "{\"jwks_uri\":7}", false },
    { "{\"issuer\":\"https://h\"}", false },
    { "[]", false },
    { "<html>", false },
};

static void check_discovery_takes_only_http_addresses(size_t i)
{
    char uri[GW_URL_MAX], issuer[GW_URL_MAX];
    struct gw_err why = { "" };
    aigw_status status = gw_discovery_parse(gw_str(discovery_rows[i].text), uri, issuer, &why);

    ck_assert_msg((status == AIGW_OK) == discovery_rows[i].ok, "%s", discovery_rows[i].text);
}

START_TEST(discovery_takes_only_http_addresses)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(discovery_rows); i++)
        check_discovery_takes_only_http_addresses(i);
}
END_TEST

static const struct {
    const char *text;
    int64_t seconds;
} age_rows[] = {
    { "max-age=86400, public, must-revalidate, no-transform", 86400 },
    { "public, Max-Age=60", 60 },
    { "public", -1 },
    { "", -1 },
    { "max-age=", -1 },
    { "max-age=-5", -1 },
    { "max-age=99999999999999999999", -1 },
    { "s-maxage=7", -1 },
    { ",,,max-age=1", 1 },
};

static void check_max_age_is_read_from_cache_control(size_t i)
{
    ck_assert_int_eq(gw_cache_max_age_s(gw_str(age_rows[i].text)), age_rows[i].seconds);
}

START_TEST(max_age_is_read_from_cache_control)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(age_rows); i++)
        check_max_age_is_read_from_cache_control(i);
}
END_TEST

START_TEST(printable_text_is_cut_and_harmless)
{
    char out[12];

    ck_assert_str_eq(gw_printable(gw_str("a\"b\\c\nd\x7f\xc3\xa4"), out, sizeof out), "a?b?c?d???");
    ck_assert_str_eq(gw_printable(gw_str("0123456789abcdef"), out, sizeof out), "01234567...");
    ck_assert_str_eq(gw_printable(AIGW_STR_NONE, out, sizeof out), "");
}
END_TEST

TCase *parse_cases(void)
{
    TCase *tcase = tcase_create("parse");

    tcase_add_test(tcase, base64url_is_strict);
    tcase_add_test(tcase, base64url_never_writes_past_its_room);
    tcase_add_test(tcase, base64url_round_trip);
    tcase_add_test(tcase, only_one_whole_object_is_json);
    tcase_add_test(tcase, a_nul_byte_does_not_end_json_quietly);
    tcase_add_test(tcase, one_odd_key_never_spoils_the_others);
    tcase_add_test(tcase, odd_exponents_are_refused);
    tcase_add_test(tcase, a_key_without_kid_and_one_with_an_endless_kid_serve);
    tcase_add_test(tcase, ten_thousand_keys_are_cut_at_a_hundred);
    tcase_add_test(tcase, a_broken_set_says_why);
    tcase_add_test(tcase, discovery_takes_only_http_addresses);
    tcase_add_test(tcase, max_age_is_read_from_cache_control);
    tcase_add_test(tcase, printable_text_is_cut_and_harmless);
    return tcase;
}
